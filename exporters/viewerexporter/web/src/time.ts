// Times, lengths and numbers, as people read them.

const units: { [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Unix milliseconds of `now-15m`, RFC 3339 or milliseconds; NaN when it is none of them. */
export function resolve(text: string, now: number): number {
  const relative = /^now(?:([+-])(\d+(?:\.\d+)?)(ms|s|m|h|d))?$/.exec(text.trim());
  if (relative) {
    const [, sign, amount, unit] = relative;
    if (!amount || !unit) return now;
    return now + (sign === '-' ? -1 : 1) * Number(amount) * (units[unit] ?? 0);
  }
  if (/^-?\d+(\.\d+)?$/.test(text.trim())) return Number(text);
  return Date.parse(text);
}

/** Seconds from one RFC 3339 time to another, to the nanosecond, which Date does not keep. */
export function since(from: string, to: string): number {
  const parts = (text: string): [number, number] => {
    const found = /^(.*?\d\d:\d\d:\d\d)(\.\d+)?(.*)$/.exec(text);
    return found ? [Date.parse(`${found[1]}${found[3]}`) / 1000, Number(found[2] ?? 0)] : [NaN, 0];
  };
  const [a, b] = [parts(from), parts(to)];
  return Math.round((b[0] - a[0]) * 1e9 + (b[1] - a[1]) * 1e9) / 1e9;
}

const two = (n: number) => String(n).padStart(2, '0');

function fields(ms: number, utc: boolean) {
  const d = new Date(ms);
  return utc
    ? { y: d.getUTCFullYear(), mo: d.getUTCMonth() + 1, d: d.getUTCDate(), h: d.getUTCHours(), m: d.getUTCMinutes(), s: d.getUTCSeconds(), ms: d.getUTCMilliseconds() }
    : { y: d.getFullYear(), mo: d.getMonth() + 1, d: d.getDate(), h: d.getHours(), m: d.getMinutes(), s: d.getSeconds(), ms: d.getMilliseconds() };
}

/** 14:03:27.048 */
export function clock(ms: number, utc: boolean, digits: 'm' | 's' | 'ms' = 'ms'): string {
  const f = fields(ms, utc);
  let text = `${two(f.h)}:${two(f.m)}`;
  if (digits !== 'm') text += `:${two(f.s)}`;
  if (digits === 'ms') text += `.${String(f.ms).padStart(3, '0')}`;
  return text;
}

/** 2026-11-27 */
export function day(ms: number, utc: boolean): string {
  const f = fields(ms, utc);
  return `${f.y}-${two(f.mo)}-${two(f.d)}`;
}

/** 2026-11-27 14:03:27.048, and the zone. */
export function stamp(ms: number, utc: boolean): string {
  return `${day(ms, utc)} ${clock(ms, utc)}${utc ? ' UTC' : ''}`;
}

/** The text of a tick of a time axis whose ticks are `step` apart. */
export function tick(ms: number, step: number, utc: boolean): string {
  if (step >= 86_400_000) return day(ms, utc).slice(5);
  if (step >= 60_000) return clock(ms, utc, 'm');
  return clock(ms, utc, step >= 1000 ? 's' : 'ms');
}

/** A length of time: 3.2 s, 48 ms, 120 us, 4 min 10 s. */
export function length(seconds: number): string {
  const s = Math.abs(seconds);
  const sign = seconds < 0 ? '-' : '';
  if (s === 0) return '0 s';
  if (s < 1e-6) return `${sign}${Math.round(s * 1e9)} ns`;
  if (s < 9.995e-4) return `${sign}${short(s * 1e6)} \u00b5s`;
  if (s < 0.9995) return `${sign}${short(s * 1e3)} ms`;
  if (s < 59.95) return `${sign}${short(s)} s`;
  const whole = Math.round(s);
  if (whole < 3600) return `${sign}${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ''}`;
  const minutes = Math.round(s / 60);
  if (minutes < 1440) return `${sign}${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
  const hours = Math.round(s / 3600);
  return `${sign}${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ''}`;
}

/** Three digits that count: 0.123, 1.23, 12.3, 123. */
export function short(n: number): string {
  const a = Math.abs(n);
  if (a === 0) return '0';
  if (a >= 99.95) return String(Math.round(n));
  const digits = a >= 9.995 ? 1 : a >= 0.9995 ? 2 : Math.min(6, 2 - Math.floor(Math.log10(a)));
  return String(Number(n.toFixed(digits)));
}

/** 1,234,567 */
export function whole(n: number): string {
  return Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

const sizes: [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** 12.3k, 4.5M */
export function compact(n: number): string {
  for (const [size, letter] of sizes) {
    if (Math.abs(n) >= size * 0.9995) return short(n / size) + letter;
  }
  return short(n);
}

export function bytes(n: number): string {
  for (const [power, name] of [
    [30, 'GiB'],
    [20, 'MiB'],
    [10, 'KiB'],
  ] as const) {
    if (Math.abs(n) >= 2 ** power) return `${short(n / 2 ** power)} ${name}`;
  }
  return `${short(n)} B`;
}

/** A value with its unit, UCUM or Prometheus's word. */
export function measure(n: number, unit = ''): string {
  switch (unit) {
    case 's':
    case 'seconds':
      return length(n);
    case 'ms':
    case 'milliseconds':
      return length(n / 1e3);
    case 'us':
      return length(n / 1e6);
    case 'ns':
      return length(n / 1e9);
    case 'By':
    case 'bytes':
      return bytes(n);
    case '1':
    case '':
    case 'ratio':
      return compact(n);
    case '%':
      return `${short(n)} %`;
    case '1/s':
    case '/s':
      return `${compact(n)}/s`;
    default:
      return `${compact(n)} ${unit.replace(/^\{(.*)\}$/, '$1')}`;
  }
}

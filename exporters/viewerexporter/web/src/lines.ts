// What a live tail shows: a part of what comes, counted truly.

import type { LogRecord } from './api.ts';

/** A person reads no more than this at a time. */
export const mostAtOnce = 40;
/** Older lines leave the page; the store has them. */
export const mostKept = 10_000;

const weight = (r: LogRecord) => (r.level === 'fatal' || r.level === 'error' ? 2 : r.level === 'warn' ? 1 : 0);

/** At most n of the records in their order: what is bad before what is not, the rest evenly. */
export function sample(records: readonly LogRecord[], n: number): LogRecord[] {
  if (records.length <= n) return records.slice();
  const chosen = new Set<number>();
  for (const w of [2, 1, 0]) {
    const of = records.flatMap((r, i) => (weight(r) === w ? [i] : []));
    const left = n - chosen.size;
    if (left <= 0) break;
    const take = Math.min(left, of.length);
    for (let k = 0; k < take; k++) chosen.add(of[Math.floor((k * of.length) / take)] as number);
  }
  return records.filter((_, i) => chosen.has(i));
}

/** Newest first, each once: ids of one store rise. */
export function merge(list: readonly LogRecord[], more: readonly LogRecord[]): LogRecord[] {
  const known = new Set(list.map((r) => r.id));
  const fresh = more.filter((r) => !known.has(r.id) && known.add(r.id));
  if (fresh.length === 0) return list as LogRecord[];
  fresh.sort(newestFirst);
  const last = fresh[fresh.length - 1] as LogRecord;
  const first = list[0];
  if (first === undefined || newestFirst(last, first) <= 0) return fresh.concat(list);
  return fresh.concat(list).sort(newestFirst);
}

function newestFirst(a: LogRecord, b: LogRecord): number {
  if (a.time !== b.time && a.time.length === b.time.length) return a.time < b.time ? 1 : -1;
  const byTime = Date.parse(b.time) - Date.parse(a.time);
  return byTime || b.id.length - a.id.length || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

/** How many came in the last seconds. */
export class Rate {
  private readonly marks: { at: number; n: number }[] = [];
  private readonly span: number;

  constructor(span = 5000) {
    this.span = span;
  }

  add(n: number, at: number): void {
    this.marks.push({ at, n });
    this.forget(at);
  }

  perSecond(now: number): number {
    this.forget(now);
    const first = this.marks[0];
    if (first === undefined) return 0;
    const total = this.marks.reduce((sum, m) => sum + m.n, 0);
    return total / Math.max(1, Math.min(this.span, now - first.at) / 1000);
  }

  private forget(now: number): void {
    while (this.marks.length > 0 && (this.marks[0]?.at ?? now) < now - this.span) this.marks.shift();
  }
}

// What all of the page shares: the place, the window, what was loaded for it.

import { batch, computed, effect, signal } from '@preact/signals';
import { ask, isAbort, Problem, type Facets, type LogRecord, type Metric, type Parameters, type RecordPage, type Series, type Status, type Volume } from './api.ts';
import { errorsOf } from './query.ts';
import { isError } from './story.ts';
import { defaultFrom, defaultTo, format, parse, type Route } from './route.ts';
import { clock, resolve, whole } from './time.ts';

// --- what a person prefers, kept by the browser ---------------------------------

function kept(name: string): string | null {
  try {
    return localStorage.getItem(`heartwood.${name}`);
  } catch {
    return null;
  }
}

export function keep(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`heartwood.${name}`);
    else localStorage.setItem(`heartwood.${name}`, value);
  } catch {
    // A browser that keeps nothing: it holds until the page closes.
  }
}

export type Theme = 'auto' | 'light' | 'dark';
export const utc = signal(kept('zone') === 'utc');
export const theme = signal<Theme>((kept('theme') as Theme | null) ?? 'auto');
export const facetsOpen = signal((kept('facets') ?? (matchMedia('(min-width: 1100px)').matches ? 'open' : '')) === 'open');

/** Rises when colours change, so that what is drawn on a canvas is drawn anew. */
export const colours = signal(0);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => colours.value++);
effect(() => {
  if (theme.value === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
  keep('theme', theme.value === 'auto' ? null : theme.value);
  colours.value = colours.peek() + 1;
});
effect(() => keep('zone', utc.value ? 'utc' : null));
effect(() => keep('facets', facetsOpen.value ? 'open' : 'closed'));

// --- the place --------------------------------------------------------------------

export const route = signal<Route>(parse(location.pathname, location.search));
addEventListener('popstate', () => {
  tailing.value = 'off';
  route.value = parse(location.pathname, location.search);
});

export function go(change: Partial<Route>, how: 'push' | 'replace' = 'push'): void {
  const next = { ...route.peek(), ...change };
  const url = format(next);
  if (url !== location.pathname + location.search) {
    if (how === 'push') history.pushState(null, '', url);
    else history.replaceState(null, '', url);
  }
  route.value = next;
}

/** A link to a place, for an anchor. */
export function link(change: Partial<Route>): string {
  return format({ ...route.value, ...change });
}

export function storyOf(r: { request?: string; trace?: string }): Partial<Route> {
  return { view: 'story', request: r.request ?? '', trace: r.request ? '' : (r.trace ?? ''), record: '' };
}

// --- messages ----------------------------------------------------------------------

/** What a screen reader says, and the foot of the page shows. */
export const said = signal('');
let quiet = 0;
export function say(text: string): void {
  said.value = text;
  clearTimeout(quiet);
  quiet = window.setTimeout(() => (said.value = ''), 6000);
}

export const status = signal<Status | undefined>(undefined);
/** Why nothing can be shown, of the whole page. */
export const trouble = signal<Problem | undefined>(undefined);

function asProblem(wrong: unknown): Problem {
  return wrong instanceof Problem ? wrong : new Problem('The page has an error of its own', 0, String(wrong));
}

// --- the window -----------------------------------------------------------------------

/** The server's clock less the browser's, so that "now" is the server's. */
let ahead = 0;
export const now = () => Date.now() + ahead;

/** Rises to load a window anew that ends now. */
const beat = signal(0);

export interface Span {
  from: number;
  to: number;
}

export const span = signal<Span>({ from: 0, to: 0 });
export const follows = computed(() => /^now/.test(route.value.to));

/** What is being dragged over, in any of the charts. */
export const drag = signal<Span | undefined>(undefined);

export function setWindow(from: number, to: number): void {
  if (!(to > from)) return;
  const least = 10;
  const end = Math.max(to, from + least);
  tailing.value = 'off';
  go({ from: String(Math.floor(from)), to: String(Math.ceil(end)), record: '' });
}

export function setRelative(from: string): void {
  go({ from, to: defaultTo, record: '' });
}

export function shift(share: number): void {
  const { from, to } = span.peek();
  setWindow(from + (to - from) * share, to + (to - from) * share);
}

export function zoom(factor: number): void {
  const { from, to } = span.peek();
  const half = ((to - from) * factor) / 2;
  const middle = (from + to) / 2;
  setWindow(middle - half, Math.min(middle + half, Math.max(now(), to)));
}

// --- what was loaded for it ----------------------------------------------------------------

export interface Loaded<T> {
  value: T | undefined;
  problem: Problem | undefined;
  busy: boolean;
}

const nothing = { value: undefined, problem: undefined, busy: false };
export const volume = signal<Loaded<Volume>>(nothing);
export const facets = signal<Loaded<Facets>>(nothing);
export const metrics = signal<Metric[] | undefined>(undefined);
export const series = signal<{ [expression: string]: Loaded<Series> }>({});

/** Lines, newest first. */
export const lines = signal<LogRecord[]>([]);
export const next = signal<string | undefined>(undefined);
export const linesBusy = signal(false);
export const queryProblem = signal<Problem | undefined>(undefined);
/** Milliseconds from the choice of a window to its lines. */
export const took = signal(0);

export type Tailing = 'off' | 'on' | 'paused';
export const tailing = signal<Tailing>('off');

const pending = new Map<string, AbortController>();

/** One call of a kind at a time: the newest. */
async function latest<T>(kind: string, call: string, parameters: Parameters): Promise<T> {
  pending.get(kind)?.abort();
  const control = new AbortController();
  pending.set(kind, control);
  try {
    return await ask<T>(call, parameters, control.signal);
  } finally {
    if (pending.get(kind) === control) pending.delete(kind);
  }
}

const firstPage = 200;
const laterPage = 500;

async function loadLines(query: string, at: Span): Promise<void> {
  const began = performance.now();
  linesBusy.value = true;
  try {
    const page = await latest<RecordPage>('lines', 'records', { query, from: at.from, to: at.to, limit: firstPage });
    batch(() => {
      lines.value = page.records;
      next.value = page.next;
      queryProblem.value = undefined;
      trouble.value = undefined;
      linesBusy.value = false;
      took.value = performance.now() - began;
    });
    if (!page.complete && page.records.length === 0 && page.next) await loadMore();
  } catch (wrong) {
    if (isAbort(wrong)) return;
    const problem = asProblem(wrong);
    batch(() => {
      linesBusy.value = false;
      if (problem.status === 400 || problem.status === 422) queryProblem.value = problem;
      else trouble.value = problem;
    });
  }
}

/** More lines, further back. True when there were some. */
export async function loadMore(limit = laterPage): Promise<boolean> {
  const cursor = next.peek();
  if (cursor === undefined || linesBusy.peek()) return false;
  const { from, to } = span.peek();
  linesBusy.value = true;
  try {
    const page = await latest<RecordPage>('lines', 'records', { query: route.peek().query, from, to, limit, cursor });
    batch(() => {
      lines.value = lines.peek().concat(page.records);
      next.value = page.next;
      linesBusy.value = false;
    });
    return page.records.length > 0 || (!page.complete && page.next !== undefined);
  } catch (wrong) {
    if (!isAbort(wrong)) batch(() => ((linesBusy.value = false), (trouble.value = asProblem(wrong))));
    return false;
  }
}

async function loadInto<T>(into: { value: Loaded<T>; peek(): Loaded<T> }, kind: string, call: string, parameters: Parameters): Promise<void> {
  into.value = { ...into.peek(), busy: true };
  try {
    into.value = { value: await latest<T>(kind, call, parameters), problem: undefined, busy: false };
  } catch (wrong) {
    if (!isAbort(wrong)) into.value = { value: undefined, problem: asProblem(wrong), busy: false };
  }
}

async function loadSeries(metric: Metric, at: Span): Promise<void> {
  const one = {
    get value() {
      return series.value[metric.name] ?? nothing;
    },
    set value(loaded: Loaded<Series>) {
      series.value = { ...series.peek(), [metric.name]: loaded };
    },
    peek: () => series.peek()[metric.name] ?? nothing,
  };
  await loadInto<Series>(one, `series ${metric.name}`, 'series', { expression: metric.expression, from: at.from, to: at.to, points: 400, limit: 12 });
}

/** Metrics that have a panel, in their order. */
export const panels = computed<Metric[]>(() => {
  const all = metrics.value ?? [];
  const names = route.value.panels ?? kept('panels')?.split(',').filter(Boolean);
  const chosen = names?.flatMap((name) => all.find((m) => m.name === name) ?? []);
  if (chosen !== undefined && (chosen.length > 0 || route.value.panels !== undefined)) return chosen;
  return choose(all);
});

/** What says most at a glance: how long requests take and how many there are, errors; not what the Collector says of itself. */
export function choose(all: readonly Metric[]): Metric[] {
  const worth = (m: Metric) => {
    let n = 0;
    if (m.exemplars) n += 8;
    if (m.type === 'histogram') n += 4;
    if (/duration|latency|elapsed|seconds/.test(m.name)) n += 3;
    if (/request|http|order|checkout/.test(m.name)) n += 2;
    if (/error|fail/.test(m.name)) n += 3;
    if (m.type === 'counter') n += 1;
    if (/^(otelcol|go|process|promhttp|scrape|up$|target)/.test(m.name)) n -= 20;
    return n;
  };
  const sorted = all.filter((m) => worth(m) > 0).sort((a, b) => worth(b) - worth(a) || (a.name < b.name ? -1 : 1));
  const first = sorted[0];
  const second = sorted.find((m) => m.type !== first?.type);
  return [first, second].flatMap((m) => m ?? []);
}

export function setPanels(names: string[]): void {
  keep('panels', names.join(','));
  go({ panels: names }, 'replace');
}

/** The window whose lines are there: what else it shows is asked for, and drawn, after them. */
export const settled = signal<Span>(span.peek());

/** Asks for all that a window shows. Charts and facets keep what they had until the new is there. */
function load(query: string, at: Span, what: { lines: boolean }): void {
  const settle = () => {
    if (span.peek() === at) settled.value = at;
  };
  if (!what.lines) return settle();
  void loadLines(query, at).then(settle);
  setTimeout(settle, 120);
}

const place = computed(() => {
  const { view, query, from, to } = route.value;
  return JSON.stringify([view === 'records', query, from, to]);
});

let shownPlace = '';
effect(() => {
  const key = place.value;
  const again = beat.value;
  const [records, query, from, to] = JSON.parse(key) as [boolean, string, string, string];
  if (!records) return;
  const t = now();
  let at = { from: resolve(from, t), to: resolve(to, t) };
  if (!(at.to > at.from)) at = { from: resolve(defaultFrom, t), to: t };
  const changed = key !== shownPlace;
  shownPlace = key;
  void again;
  batch(() => {
    span.value = at;
    load(query, at, { lines: changed || (tailing.peek() === 'off' && atTop.peek()) });
  });
});

/** Whether the list of lines stands at its beginning: only then may a new load replace it. */
export const atTop = signal(true);

effect(() => {
  const at = settled.value;
  if (at.to === 0) return;
  void loadInto(volume, 'volume', 'volume', { query: route.peek().query, from: at.from, to: at.to, buckets: 120 });
});

effect(() => {
  const at = settled.value;
  if (at.to === 0) return;
  if (facetsOpen.value && route.peek().view === 'records') void loadInto(facets, 'facets', 'facets', { query: route.peek().query, from: at.from, to: at.to, limit: 8 });
});

effect(() => {
  const at = settled.value;
  if (at.to === 0) return;
  for (const metric of panels.value) void loadSeries(metric, at);
});

let metricsAt = 0;
async function loadMetrics(): Promise<void> {
  metricsAt = Date.now();
  try {
    const found = (await ask<{ metrics: Metric[] }>('metrics', { from: 'now-24h' })).metrics;
    if (JSON.stringify(found) !== JSON.stringify(metrics.peek())) metrics.value = found;
  } catch {
    if (metrics.peek() === undefined) metrics.value = [];
  }
}

async function loadStatus(): Promise<void> {
  try {
    const before = Date.now();
    const s = await ask<Status>('status');
    const middle = (before + Date.now()) / 2;
    const off = Date.parse(s.now) - middle;
    ahead = Math.abs(off) > 1500 ? off : 0;
    status.value = s;
    if (trouble.peek()?.status === 0) {
      trouble.value = undefined;
      beat.value++;
    }
  } catch (wrong) {
    trouble.value = asProblem(wrong);
  }
}

/** Keeps what ends now up to date, while somebody looks. */
export function begin(): void {
  void loadStatus();
  void loadMetrics();
  setInterval(() => {
    if (document.hidden) return;
    void loadStatus();
    if (Date.now() - metricsAt > (metrics.peek()?.length ? 60_000 : 5000)) void loadMetrics();
    if (follows.peek() && drag.peek() === undefined && route.peek().view === 'records') beat.value++;
  }, 5000);
}

export function refresh(): void {
  void loadStatus();
  beat.value++;
}

// --- selection, and the way from error to error ------------------------------------------------

export const selected = computed(() => lines.value.find((r) => r.id === route.value.record));
/** Rises when the list should bring the selected line into view. */
export const bring = signal(0);

export function select(id: string, show = true): void {
  go({ record: id }, 'replace');
  if (show) bring.value++;
}

export function step(by: number): void {
  const list = lines.peek();
  if (list.length === 0) return;
  const i = list.findIndex((r) => r.id === route.peek().record);
  const to = i < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, i + by));
  const line = list[to];
  if (line) select(line.id);
  if (to >= list.length - 5) void loadMore();
}

const furthest = 10_000;

/** To the next error further down the list (further back in time), or the one before. */
export async function toError(direction: 1 | -1): Promise<void> {
  const i = lines.peek().findIndex((r) => r.id === route.peek().record);
  const look = (from: number) => {
    const list = lines.peek();
    for (let k = from; k >= 0 && k < list.length; k += direction) {
      const r = list[k];
      if (r && (isError(r.level) || r.status === 'error')) return r;
    }
    return undefined;
  };
  let start = i < 0 ? (direction > 0 ? 0 : -1) : i + direction;
  for (;;) {
    const found = look(start);
    if (found) {
      select(found.id);
      say(`Error at ${clock(Date.parse(found.time), utc.peek())}`);
      return;
    }
    if (direction < 0 || next.peek() === undefined || lines.peek().length >= furthest) break;
    start = lines.peek().length;
    if (!(await loadMore(1000))) break;
  }
  if (direction > 0 && next.peek() !== undefined) {
    // Far back: ask where, and look from there.
    const { from } = span.peek();
    const last = lines.peek().at(-1);
    const page = await ask<RecordPage>('records', { query: errorsOf(route.peek().query), from, to: last ? Date.parse(last.time) : undefined, limit: 1 }).catch(() => undefined);
    const found = page?.records[0];
    if (found) {
      go({ to: String(Date.parse(found.time) + 1), from: String(Math.floor(from)), record: found.id });
      say(`The next error is at ${clock(Date.parse(found.time), utc.peek())}; the window ends there now`);
      return;
    }
  }
  say(direction > 0 ? 'No more errors in this window' : 'No error above');
}

/** "1,234 lines", for people and screen readers. */
export function countText(n: number, word: string): string {
  return `${whole(n)} ${word}${n === 1 ? '' : 's'}`;
}

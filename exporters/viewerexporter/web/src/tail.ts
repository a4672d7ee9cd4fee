// The live tail: an event stream, shown no faster than people read.

import { batch, effect, signal } from '@preact/signals';
import { address, ask, Problem, type LogRecord, type RecordPage, type Tailed } from './api.ts';
import { merge, mostAtOnce, mostKept, Rate, sample } from './lines.ts';
import { atTop, go, lines, next, queryProblem, route, say, tailing, trouble, countText } from './state.ts';

export interface Counts {
  /** Lines that matched, and those that are shown of them, since the tail began. */
  matched: number;
  shown: number;
  leftOut: number;
  perSecond: number;
}

const none: Counts = { matched: 0, shown: 0, leftOut: 0, perSecond: 0 };
export const counts = signal<Counts>(none);
/** Lines that came while the reader looked further down. */
export const waiting = signal(0);

/** Pages of missed lines that a resumed tail fetches; what is beyond is counted. */
const mostPages = 10;

let source: EventSource | undefined;
let cursor = '';
let held: LogRecord[] = [];
let rate = new Rate();
let timer = 0;
let paused = '';
let query = '';

function open(): void {
  source?.close();
  source = new EventSource(address('tail', { query, cursor }));
  source.addEventListener('records', (event) => {
    const came = JSON.parse((event as MessageEvent<string>).data) as Tailed;
    trouble.value = undefined;
    queryProblem.value = undefined;
    const since = paused;
    paused = '';
    cursor = came.cursor;
    rate.add(came.matched, performance.now());
    const c = counts.peek();
    counts.value = { ...c, matched: c.matched + came.matched, leftOut: c.leftOut + came.left_out, perSecond: rate.perSecond(performance.now()) };
    if (since !== '' && came.matched > came.records.length) void catchUp(since, came.matched, query);
    if (since !== '') add(came.records); // what came in the pause is shown in full
    else held.push(...came.records);
    if (held.length > 4 * mostAtOnce) held = sample(held, 2 * mostAtOnce);
    if (!timer) timer = window.setTimeout(show, held.length <= 10 ? 200 : 1000);
  });
  source.addEventListener('error', () => {
    if (source?.readyState !== EventSource.CLOSED) return; // it connects again by itself, with the last id
    void ask('records', { query, limit: 1 }).then(
      () => window.setTimeout(() => tailing.peek() === 'on' && open(), 2000),
      (wrong: unknown) => {
        if (wrong instanceof Problem && wrong.status === 400) queryProblem.value = wrong;
        else if (wrong instanceof Problem) trouble.value = wrong;
        tailing.value = 'off';
      },
    );
  });
}

/** What lies between a pause and the tail's first event after it, page by page. */
async function catchUp(from: string, missed: number, of: string): Promise<void> {
  let at: string | undefined = from;
  let got = 0;
  for (let n = 0; n < mostPages && at !== undefined && got < missed; n++) {
    let page: RecordPage;
    try {
      page = await ask<RecordPage>('records', { query: of, from: 0, order: 'oldest', limit: 1000, cursor: at });
    } catch (wrong) {
      say(`The lines of the pause could not be fetched: ${wrong instanceof Error ? wrong.message : ''}`);
      return;
    }
    if (of !== query || tailing.peek() === 'off') return;
    got += page.records.length;
    at = page.next;
    add(page.records);
  }
  if (got < missed) say(`${countText(missed - got, 'line')} of the pause are not shown: choose the window to see them all`);
}

function add(records: readonly LogRecord[]): void {
  const before = lines.peek();
  const merged = merge(before, records);
  const added = merged.length - before.length;
  batch(() => {
    lines.value = merged.length > mostKept ? merged.slice(0, mostKept) : merged;
    const c = counts.peek();
    counts.value = { ...c, shown: c.shown + added };
    if (!atTop.peek()) waiting.value += added;
  });
}

function show(): void {
  timer = 0;
  const records = sample(held, mostAtOnce);
  held = [];
  add(records);
}

effect(() => {
  if (atTop.value) waiting.value = 0;
});

function stop(): void {
  source?.close();
  source = undefined;
  clearTimeout(timer);
  timer = 0;
  if (held.length > 0) show();
}

export function startTail(): void {
  if (!/^now/.test(route.peek().to)) go({ from: 'now-15m', to: 'now' });
  query = route.peek().query;
  cursor = '';
  paused = '';
  rate = new Rate();
  counts.value = none;
  next.value = undefined;
  tailing.value = 'on';
  open();
  say('Live tail');
}

export function pauseTail(): void {
  stop();
  paused = cursor;
  tailing.value = 'paused';
  say('Paused');
}

export function resumeTail(): void {
  tailing.value = 'on';
  open();
  say('Resumed');
}

export function toggleTail(): void {
  if (route.peek().view !== 'records') return;
  if (tailing.peek() === 'on') pauseTail();
  else if (tailing.peek() === 'paused') resumeTail();
  else startTail();
}

export function endTail(): void {
  tailing.value = 'off';
}

// The tail ends with its view or its window; another query begins it anew.
effect(() => {
  const { view, query: wanted, to } = route.value;
  const state = tailing.value;
  if (state === 'off') {
    if (source) stop();
    return;
  }
  if (view !== 'records' || !/^now/.test(to)) {
    tailing.value = 'off';
  } else if (wanted !== query) {
    stop();
    startTail();
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Completions, LogRecord, Part, Story } from '../src/api.ts';
import { merge, Rate, sample } from '../src/lines.ts';
import { errorsOf, fitting, has, narrow, term, widen } from '../src/query.ts';
import { format, parse } from '../src/route.ts';
import { asText, extent, gaps, lay, ticks } from '../src/story.ts';
import { ending, gist, plain, preview, visible, visibleLines } from '../src/text.ts';
import { bytes, clock, compact, length, measure, resolve, short, since, stamp, tick, whole } from '../src/time.ts';

function each<In, Out>(f: (given: In) => Out, cases: [In, Out][]): void {
  for (const [given, want] of cases) assert.deepEqual(f(given), want, JSON.stringify(given));
}

test('text of strangers is shown, and does nothing', () => {
  each(visible, [
    ['plain', 'plain'],
    ['<b>&amp;', '<b>&amp;'],
    ['\u001b[31mred\u001b[0m', '⟨ESC⟩[31mred⟨ESC⟩[0m'],
    ['a\u0000b\u007fc\u009bd', 'a⟨NUL⟩b⟨DEL⟩c⟨9B⟩d'],
    ['one\ntwo\r\n', 'one↵two⟨CR⟩↵'],
    ['\u202egnp.exe\u202c', '⟨RLO⟩gnp.exe⟨PDF⟩'],
    ['\u2066x\u2069\u200f\u061c', '⟨LRI⟩x⟨PDI⟩⟨RLM⟩⟨ALM⟩'],
    ['pass\u200bword\ufeff', 'pass⟨ZWSP⟩word⟨BOM⟩'],
    ['a\u2028b', 'a⟨LS⟩b'],
    ['half \ud83d and whole \ud83d\ude00', 'half ⟨D83D⟩ and whole \ud83d\ude00'],
    ['tag\udb40\udc41', 'tag⟨E0041⟩'],
    ['grüße 你好 שלום 👩‍👧', 'grüße 你好 שלום 👩‍👧'],
  ]);
  each(visibleLines, [['a\r\nb\tc\u001b', 'a\nb\tc⟨ESC⟩']]);
  // Nothing that acts is left, whatever comes.
  const all = Array.from({ length: 0x10000 }, (_, i) => String.fromCharCode(i)).join(' ');
  assert.doesNotMatch(visible(all), /[\p{Cc}\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ud800-\udfff]/u);
});

test('a preview is short, however long the value is', () => {
  assert.equal(preview('x'.repeat(100_000), 10), 'xxxxxxxxxx…');
  assert.equal(preview({ a: [1, null] }, 100), '{"a":[1,null]}');
  assert.equal(plain(undefined), '');
  assert.equal(plain(0), '0');
});

test('times are read', () => {
  const now = Date.parse('2026-11-27T12:00:00Z');
  each((text: string) => resolve(text, now) - now, [
    ['now', 0],
    ['now-15m', -900_000],
    ['now-1.5h', -5_400_000],
    ['now+10s', 10_000],
    [String(now - 5), -5],
    ['2026-11-27T11:59:59.5Z', -500],
  ]);
  assert.ok(Number.isNaN(resolve('yesterday', now)));
});

test('times and numbers are written', () => {
  const at = Date.parse('2026-01-02T03:04:05.067Z');
  assert.equal(stamp(at, true), '2026-01-02 03:04:05.067 UTC');
  assert.equal(clock(at, true, 'm'), '03:04');
  assert.equal(tick(at, 60_000, true), '03:04');
  assert.equal(tick(at, 100, true), '03:04:05.067');
  assert.equal(tick(at, 86_400_000, true), '01-02');
  each(length, [
    [0, '0 s'],
    [2.5e-8, '25 ns'],
    [0.00012, '120 µs'],
    [0.0482, '48.2 ms'],
    [0.9996, '1 s'],
    [3.25, '3.25 s'],
    [59.97, '1 min'],
    [250, '4 min 10 s'],
    [3600, '1 h'],
    [5400, '1 h 30 min'],
    [90_000, '1 d 1 h'],
    [-0.5, '-500 ms'],
  ]);
  each(short, [[0, '0'], [0.1234, '0.123'], [1.234, '1.23'], [12.34, '12.3'], [123.4, '123'], [0.00001234, '0.000012']]);
  each(compact, [[999, '999'], [1000, '1k'], [12_345, '12.3k'], [4_500_000, '4.5M']]);
  each(whole, [[0, '0'], [1234567, '1,234,567']]);
  each(bytes, [[512, '512 B'], [3 * 2 ** 20, '3 MiB']]);
  assert.equal(measure(0.25, 's'), '250 ms');
  assert.equal(measure(2048, 'By'), '2 KiB');
  assert.equal(measure(12, '{requests}'), '12 requests');
});

test('terms are quoted where the language wants it', () => {
  assert.equal(term('service.name', 'orders'), 'service:orders');
  assert.equal(term('url.path', '/a/b'), 'url.path:/a/b');
  assert.equal(term('path', '/api/*'), 'path:"/api/*"');
  assert.equal(term('a field', 'say "no" \\ or'), '"a field":"say \\"no\\" \\\\ or"');
  assert.equal(term('x', 'OR'), 'x:"OR"');
  assert.equal(term('x', ''), 'x:""');
  assert.equal(term('x', '-1'), 'x:"-1"');
});

test('a click narrows, another widens', () => {
  assert.equal(narrow('', 'level:error'), 'level:error');
  assert.equal(narrow('timeout', 'level:error'), 'timeout level:error');
  assert.equal(narrow('timeout level:error', 'level:error'), 'timeout level:error');
  assert.equal(narrow('timeout level:error', '-level:error'), 'timeout -level:error');
  assert.equal(narrow('-a:1', 'a:1'), 'a:1');
  assert.equal(narrow('a OR b', 'c:1'), '(a OR b) c:1');
  assert.equal(narrow('"a OR b"', 'c:1'), '"a OR b" c:1');
  assert.equal(narrow('status:(200 OR 204)', 'c:1'), 'status:(200 OR 204) c:1');
  assert.equal(widen('a AND c:1', 'c:1'), 'a');
  assert.equal(widen('c:1 AND a', 'c:1'), 'a');
  assert.equal(widen('a c:"x y" b', 'c:"x y"'), 'a b');
  assert.equal(widen('a OR c:1', 'c:1'), 'a OR c:1');
  assert.ok(has('x c:1', 'c:1'));
  assert.ok(!has('(x c:1)', 'c:1'));
  assert.equal(errorsOf(''), 'level>=error');
  assert.equal(errorsOf('a OR b'), '(a OR b) level>=error');
  assert.equal(narrow('say "unclosed', 'c:1'), 'say "unclosed c:1');
});

test('a link says all, and nothing that goes without saying', () => {
  const none = parse('/', '');
  assert.equal(format(none), '/');
  for (const change of [
    { query: 'level>=error "a b" c:1&d=#', from: '1000', to: '2000', record: '7', panels: ['a', 'b'] },
    { panels: [] },
    { view: 'story' as const, request: 'x/y z' },
    { view: 'story' as const, trace: 'abc' },
    { view: 'pipeline' as const, from: 'now-1h' },
  ]) {
    const route = { ...none, ...change };
    const url = new URL(format(route), 'http://localhost');
    assert.deepEqual(parse(url.pathname, url.search), route);
  }
});

const part = (over: Partial<Part>): Part => ({ record: '1', kind: 'log', offset: 0, text: '', level: 'info', ...over });
const story = (parts: Part[], over: Partial<Story> = {}): Story => ({
  from: '2026-01-01T00:00:00Z',
  to: '2026-01-01T00:00:01Z',
  lanes: [{ service: 'a', errors: 0, parts }],
  records: [],
  complete: true,
  ...over,
});

test('spans lie below their parents, and nothing on anything else', () => {
  const spans = [
    part({ kind: 'span', offset: 0, duration: 1, depth: 0 }),
    part({ kind: 'span', offset: 0.1, duration: 0.3, depth: 1 }),
    part({ kind: 'span', offset: 0.2, duration: 0.5, depth: 1 }),
    part({ kind: 'span', offset: 0.8, duration: 0.1, depth: 1 }),
    part({ kind: 'log', offset: 0.5 }),
    part({ kind: 'fold', offset: 0, duration: 0.9 }),
  ];
  const [lane] = lay(story(spans));
  assert.deepEqual(
    lane?.placed.map((p) => [p.part.kind, p.part.offset, p.row]),
    [['fold', 0, 0], ['span', 0, 1], ['span', 0.1, 2], ['span', 0.2, 3], ['log', 0.5, 4], ['span', 0.8, 2]],
  );
  assert.equal(lane?.rows, 5);
  const many = lay(story(Array.from({ length: 500 }, (_, i) => part({ offset: i / 5000 }))))[0];
  assert.equal(many?.rows, 3, 'lines that are close share three rows');
  assert.equal(extent(story([part({ offset: 0.5, duration: 2 })])), 2.5);
});

test('a gap is a time in which nobody says anything', () => {
  const s = story([part({ offset: 0, duration: 0.2, kind: 'span' }), part({ offset: 0.5 }), part({ offset: 0.52 }), part({ offset: 1 }), part({ kind: 'fold', offset: 0, duration: 1 })]);
  assert.deepEqual(gaps(s), [{ from: 0.2, to: 0.5 }, { from: 0.52, to: 1 }]);
  assert.deepEqual(gaps(story([part({ kind: 'span', duration: 1 }), part({ offset: 0.5 })])), []);
  assert.deepEqual(gaps(story([])), []);
});

test('the ticks of a story are round', () => {
  assert.deepEqual(ticks(1, 5), [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1]);
  assert.deepEqual(ticks(0, 5), [0]);
  for (const total of [1e-6, 0.017, 3, 86_400]) assert.ok(ticks(total, 6).length <= 7, String(total));
});

const record = (id: number, over: Partial<LogRecord> = {}): LogRecord => ({
  id: String(id), kind: 'log', time: new Date(Date.UTC(2026, 0, 1) + id).toISOString(), level: 'info', service: 'a', body: `line ${id}`, attributes: {}, resource: {}, ...over,
});

test('a story as text', () => {
  const text = asText(story([], { request: 'r1', lanes: [{ service: 'orders', errors: 1, parts: [] }], records: [record(0, { service: 'orders' }), record(250, { level: 'error', service: 'orders', body: 'no\u001b' })], complete: false }), true);
  assert.equal(text, 'request r1\n2026-01-01 00:00:00.000 UTC, 1 s, orders, 1 error\n\n      +0 s  info   orders  line 0\n   +250 ms  error  orders  no⟨ESC⟩\n\nThere is more than this.\n');
});

test('a sample has what is bad, and is in order', () => {
  const all = Array.from({ length: 100 }, (_, i) => record(i, i % 30 === 7 ? { level: 'error' } : i % 10 === 3 ? { level: 'warn' } : {}));
  const some = sample(all, 20);
  assert.equal(some.length, 20);
  assert.equal(some.filter((r) => r.level === 'error').length, 4);
  assert.equal(some.filter((r) => r.level === 'warn').length, 10);
  assert.deepEqual(some.map((r) => Number(r.id)), some.map((r) => Number(r.id)).sort((a, b) => a - b));
  assert.deepEqual(sample(all, 1000), all);
});

test('lines are merged, each once, newest first', () => {
  const ids = (list: LogRecord[]) => list.map((r) => Number(r.id));
  const list = merge([], [record(1), record(3), record(2)]);
  assert.deepEqual(ids(list), [3, 2, 1]);
  assert.deepEqual(ids(merge(list, [record(5), record(4), record(3)])), [5, 4, 3, 2, 1]);
  assert.deepEqual(ids(merge([record(9), record(1)], [record(5), record(1)])), [9, 5, 1]);
  assert.equal(merge(list, [record(1)]), list, 'nothing new: the same list');
});

test('a rate is that of the last seconds', () => {
  const rate = new Rate(5000);
  assert.equal(rate.perSecond(0), 0);
  for (let t = 0; t < 20_000; t += 100) rate.add(1000, t);
  assert.ok(Math.abs(rate.perSecond(19_900) - 10_000) < 300, String(rate.perSecond(19_900)));
  assert.equal(rate.perSecond(60_000), 0);
});

test('offsets are exact to the nanosecond', () => {
  assert.equal(since('2026-01-01T00:00:00.000000001Z', '2026-01-01T00:00:00.000489002Z'), 0.000489001);
  assert.equal(since('2026-01-01T00:00:00Z', '2026-01-01T00:01:00.5Z'), 60.5);
  assert.equal(since('2026-01-01T00:00:00.9Z', '2026-01-01T00:00:01.1Z'), 0.2);
});

test('a record without a body says its attributes', () => {
  assert.equal(gist(record(1)), 'line 1');
  assert.equal(gist(record(1, { body: null, attributes: { fn: 'reserve', 'request.id': 'x', n: 3, deep: { a: 1 } } })), 'fn=reserve n=3');
  assert.equal(gist(record(1, { body: { parts: [] }, attributes: { 'fold.id': 'f', 'fold.count': 1, 'fold.outcome': 'failure', order: 7 } })), 'failure, 1 part: order=7');
  assert.equal(ending('github.com/a/b/purchasing.(*Service).done', 20), 'gith…(*Service).done');
  assert.equal(ending('short', 20), 'short');
});

test('of what was offered stays what still fits', () => {
  const found = { from: 4, to: 5, completions: [{ kind: 'field', text: 'service.name' }, { kind: 'field', text: 'Severity' }, { kind: 'field', text: 'span' }] } as Completions;
  const texts = (text: string, caret = text.length) => fitting(found, 'a:b s', text, caret)?.completions.map((c) => c.text);
  assert.deepEqual(texts('a:b se'), ['service.name', 'Severity']);
  assert.deepEqual(texts('a:b servi'), ['service.name']);
  assert.equal(fitting(found, 'a:b s', 'a:b servi', 9)?.to, 9);
  assert.equal(texts('a:b sx'), undefined);
  assert.equal(texts('x:b se'), undefined, 'what stands before is another');
  assert.deepEqual(texts('a:b '), ['service.name', 'Severity', 'span'], 'a character less');
  assert.equal(texts('a:'), undefined);
  assert.equal(texts('a:b se c', 6), undefined, 'what stands behind is another');
});

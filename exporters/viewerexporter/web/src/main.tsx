// The page: its head, its three views, and its keys.

import { render } from 'preact';
import { effect, signal } from '@preact/signals';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { Charts } from './charts.tsx';
import { copy, Detail } from './detail.tsx';
import { Dialog } from './dialog.tsx';
import { Facets } from './facets.tsx';
import { List } from './list.tsx';
import { PipelineView } from './pipelineview.tsx';
import { QueryLine } from './queryline.tsx';
import { storyError, StoryView } from './storyview.tsx';
import { counts, endTail, toggleTail } from './tail.ts';
import {
  atTop, begin, facetsOpen, follows, go, lines, link, next, refresh, route, said, select, setRelative, shift, span, status, tailing, theme,
  toError, took, trouble, utc, volume, zoom, type Theme,
} from './state.ts';
import type { View } from './route.ts';
import { clock, compact, day, length, resolve, whole } from './time.ts';
import { visible } from './text.ts';

const keysOpen = signal(false);

const ranges: [string, string][] = [
  ['now-1m', 'last minute'],
  ['now-5m', 'last 5 minutes'],
  ['now-15m', 'last 15 minutes'],
  ['now-1h', 'last hour'],
  ['now-3h', 'last 3 hours'],
  ['now-12h', 'last 12 hours'],
  ['now-24h', 'last 24 hours'],
];

function ViewLink({ view, children }: { view: View; children: string }) {
  const to = { view, request: '', trace: '', record: '' };
  return (
    <a
      href={link(to)}
      aria-current={route.value.view === view ? 'page' : undefined}
      onClick={(e) => {
        if (e.metaKey || e.ctrlKey || e.shiftKey) return;
        e.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}

function Head() {
  const s = status.value;
  return (
    <header class="head">
      <a
        class="skip"
        href="#lines"
        onClick={(e) => {
          e.preventDefault();
          (document.getElementById('lines') ?? document.querySelector<HTMLElement>('main'))?.focus();
        }}
      >
        To the content
      </a>
      <a class="name" href="/" onClick={(e) => (e.preventDefault(), go({ view: 'records', request: '', trace: '', record: '' }))}>
        <img src="/mark.svg" alt="" width="20" height="20" />
        <span>Heartwood</span>
      </a>
      <nav class="views" aria-label="Views">
        <ViewLink view="records">Records</ViewLink>
        {route.value.view === 'story' && (
          <a href={link({})} aria-current="page" onClick={(e) => e.preventDefault()}>
            Story
          </a>
        )}
        <ViewLink view="pipeline">Pipelines</ViewLink>
      </nav>
      <span class="grow" />
      {s && s.left_out > 0 && (
        <span class="left-out" title="The viewer could not keep up, and left these out">
          {compact(s.left_out)} left out
        </span>
      )}
      <button class="plain" aria-pressed={utc.value} title="Times in UTC, or in the browser's zone" onClick={() => (utc.value = !utc.value)}>
        {utc.value ? 'UTC' : 'Local'}
      </button>
      <label class="theme">
        <span class="hidden">Colours</span>
        <select value={theme.value} onChange={(e) => (theme.value = e.currentTarget.value as Theme)} title="Colours">
          <option value="auto">Auto</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
      </label>
      <button class="plain" title="Keys (?)" aria-label="Keys" onClick={() => (keysOpen.value = true)}>
        ?
      </button>
    </header>
  );
}

function WindowBar() {
  const { from } = route.value;
  const known = follows.value && ranges.some(([r]) => r === from);
  const { from: a, to: b } = span.value;
  const own = follows.value ? `from ${visible(from)}` : b > 0 ? `${day(a, utc.value).slice(5)} ${clock(a, utc.value, 's')} \u2013 ${clock(b, utc.value, 's')} (${length((b - a) / 1000)})` : '';
  return (
    <div class="window" role="group" aria-label="Window of time">
      <button class="plain" aria-label="Earlier" title="Earlier ([)" onClick={() => shift(-0.5)}>
        ‹
      </button>
      <select
        aria-label="Window"
        class="num"
        value={known ? from : 'own'}
        onChange={(e) => e.currentTarget.value !== 'own' && setRelative(e.currentTarget.value)}
      >
        {!known && <option value="own">{own}</option>}
        {ranges.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
      <button class="plain" aria-label="Later" title="Later (])" onClick={() => shift(0.5)} disabled={follows.value}>
        ›
      </button>
      <button class="plain" aria-label="Shorter window" title="Shorter (+)" onClick={() => zoom(0.5)}>
        +
      </button>
      <button class="plain" aria-label="Longer window" title="Longer (-)" onClick={() => zoom(2)}>
        −
      </button>
    </div>
  );
}

function TailButton() {
  const state = tailing.value;
  return (
    <div class="tail" role="group" aria-label="Live tail">
      <button class={state === 'on' ? 'live on' : 'live'} aria-pressed={state === 'on'} title="Live tail (t)" onClick={toggleTail}>
        <i aria-hidden="true" />
        {state === 'off' ? 'Live' : state === 'on' ? 'Pause' : 'Resume'}
      </button>
      {state !== 'off' && (
        <button class="plain" aria-label="End the live tail" title="End" onClick={() => (endTail(), (atTop.value = true), refresh())}>
          ✕
        </button>
      )}
    </div>
  );
}

function Counts() {
  const state = tailing.value;
  if (state !== 'off') {
    const c = counts.value;
    return (
      <p class="counts num" id="counts">
        <b>{whole(c.perSecond)} lines/s</b>
        <span>
          {whole(c.matched)} came, {whole(Math.min(c.shown, c.matched))} shown
        </span>
        {c.leftOut > 0 && <b class="bad-text">{whole(c.leftOut)} left out</b>}
        {state === 'paused' && <b>paused</b>}
      </p>
    );
  }
  const v = volume.value.value;
  const n = lines.value.length;
  return (
    <p class="counts num" id="counts">
      {v && <b>{whole(Math.max(v.total, n))} {v.total === 1 ? 'line' : 'lines'}</b>}
      {(next.value || (v && v.total > n)) && <span>{whole(n)} loaded</span>}
      {took.value > 0 && <span class="faint">{Math.max(1, Math.round(took.value))} ms</span>}
    </p>
  );
}

function Records() {
  return (
    <main class={`records${facetsOpen.value ? ' with-facets' : ''}${route.value.record ? ' with-detail' : ''}`} aria-label="Records">
      <div class="bar">
        <button class="plain toggle" aria-pressed={facetsOpen.value} title="Frequent values (f)" onClick={() => (facetsOpen.value = !facetsOpen.value)}>
          Fields
        </button>
        <QueryLine />
        <WindowBar />
        <TailButton />
      </div>
      {facetsOpen.value && <Facets />}
      <div class="middle">
        <Charts />
        <div class="lines-head">
          <h1 class="hidden">Records</h1>
          <Counts />
          <span class="grow" />
          <div class="acts" role="group" aria-label="Errors">
            <button class="plain small" title="Previous error (p)" onClick={() => void toError(-1)}>
              ↑ error
            </button>
            <button class="plain small" title="Next error (n)" onClick={() => void toError(1)}>
              ↓ error
            </button>
            <button class="plain small" title="Copy a link to this view (c)" onClick={copyLink}>
              Copy link
            </button>
          </div>
        </div>
        <List />
      </div>
      {route.value.record && <Detail />}
    </main>
  );
}

/** A link that another can open later: the window as it is now, not "the last 15 minutes". */
function copyLink(): void {
  const { from, to } = route.peek();
  const t = Date.now();
  const fixed = link({ from: String(Math.round(follows.peek() ? span.peek().from : resolve(from, t))), to: String(Math.round(follows.peek() ? span.peek().to : resolve(to, t))) });
  void copy(location.origin + fixed, 'The link');
}

const keyList: [string, string][] = [
  ['/', 'to the query; Enter finds, Tab completes, Esc leaves'],
  ['j k ↓ ↑', 'next and previous line'],
  ['Enter', 'the story of the line\u2019s request'],
  ['n p', 'next and previous error'],
  ['t', 'live tail: begin, pause, resume'],
  ['[ ]', 'window earlier, later'],
  ['+ -', 'window shorter, longer'],
  ['f', 'frequent values of fields'],
  ['c', 'copy a link to what is shown'],
  ['u', 'UTC or local time'],
  ['g r, g p', 'to the records, to the pipelines'],
  ['Esc', 'close; back from a story'],
  ['?', 'these keys'],
];

function Keys() {
  return (
    <Dialog title="Keys" onClose={() => (keysOpen.value = false)}>
      <dl class="key-list">
        {keyList.map(([keys, text]) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p class="faint">A drag over any chart chooses the window. Dots are exemplars: they lead to the story of their request.</p>
    </Dialog>
  );
}

let before = '';

function onKey(e: KeyboardEvent): void {
  const target = e.target as HTMLElement;
  if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]')) return;
  if (target.closest('input, textarea, select') && e.key !== 'Escape') return;
  const { view, record } = route.peek();
  const records = view === 'records';
  const first = before;
  before = e.key;
  if (first === 'g' && (e.key === 'r' || e.key === 'p')) {
    before = '';
    go({ view: e.key === 'r' ? 'records' : 'pipeline', request: '', trace: '', record: '' });
    e.preventDefault();
    return;
  }
  const act: { [key: string]: (() => void) | undefined } = {
    '?': () => (keysOpen.value = true),
    '/': () => {
      // At once where it is there, so that what is typed next goes into it.
      const focus = () => {
        const input = document.getElementById('query') as HTMLInputElement | null;
        input?.focus();
        input?.select();
      };
      if (records) return focus();
      go({ view: 'records', request: '', trace: '', record: '' });
      requestAnimationFrame(focus);
    },
    n: () => (records ? void toError(1) : storyError(1)),
    p: () => (records ? void toError(-1) : storyError(-1)),
    t: toggleTail,
    f: () => records && (facetsOpen.value = !facetsOpen.value),
    u: () => (utc.value = !utc.value),
    c: copyLink,
    '[': () => records && shift(-0.5),
    ']': () => records && !follows.peek() && shift(0.5),
    '+': () => records && zoom(0.5),
    '-': () => records && zoom(2),
    Escape: () => {
      if (record) select('');
      else if (view !== 'records') go({ view: 'records', request: '', trace: '' });
      else if (target !== document.body) target.blur();
    },
  };
  if (records && /^(j|k|ArrowDown|ArrowUp)$/.test(e.key) && target === document.body) {
    const list = document.getElementById('lines');
    list?.focus();
    list?.dispatchEvent(new KeyboardEvent('keydown', { key: e.key, bubbles: true }));
    e.preventDefault();
    return;
  }
  const found = act[e.key];
  if (!found) return;
  e.preventDefault();
  found();
}

function Page() {
  const view = route.value.view;
  const wrong = trouble.value;
  return (
    <>
      <Head />
      {wrong && (
        <p class="problem trouble" role="alert">
          {visible(wrong.message)}. {visible(wrong.detail)}
        </p>
      )}
      {view === 'story' ? <StoryView /> : view === 'pipeline' ? <PipelineView /> : <Records />}
      <div class={said.value ? 'said' : 'said quiet'} role="status" aria-live="polite">
        {visible(said.value)}
      </div>
      {keysOpen.value && <Keys />}
    </>
  );
}

effect(() => {
  const { view, request, trace, query } = route.value;
  const what = view === 'story' ? `Story of ${visible(request || trace)}` : view === 'pipeline' ? 'Pipelines' : query === '' ? 'Records' : visible(query);
  document.title = `${what} \u00b7 Heartwood`;
});

addEventListener('keydown', onKey);
const host = document.getElementById('page');
if (host) {
  host.textContent = '';
  render(<Page />, host);
  begin();
}


// The lines: only those in view are in the page, however many there are.

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { signal, useSignal } from '@preact/signals';
import type { LogRecord } from './api.ts';
import { atTop, bring, go, lines, linesBusy, link, loadMore, next, queryProblem, route, select, step, storyOf, tailing, utc } from './state.ts';
import { waiting } from './tail.ts';
import { clock, day, length, whole } from './time.ts';
import { gist, preview, visible } from './text.ts';

const narrow = matchMedia('(max-width: 760px)');
const rowHeight = signal(narrow.matches ? 46 : 23);
narrow.addEventListener('change', () => (rowHeight.value = narrow.matches ? 46 : 23));

/** Characters of a body that a row can show on the widest screen. */
const mostCharacters = 400;

const spare = 12;

export function levelWord(r: LogRecord): string {
  if (r.kind === 'span') return r.status === 'error' ? 'error' : 'span';
  return r.level === 'unset' ? '\u00b7' : r.level;
}

export function levelClass(r: LogRecord): string {
  if (r.kind === 'span') return r.status === 'error' ? 'error' : 'span';
  return r.level;
}

export function Row(props: { record: LogRecord; index: number; chosen: boolean; top?: number; date?: boolean; onClick: () => void; story?: boolean; offset?: string }) {
  const r = props.record;
  const t = Date.parse(r.time);
  return (
    <div
      id={`line-${r.id}`}
      class={`row ${levelClass(r)}${props.chosen ? ' chosen' : ''}`}
      role="row"
      aria-rowindex={props.index + 1}
      aria-selected={props.chosen}
      style={props.top === undefined ? {} : { transform: `translateY(${props.top}px)` }}
      onClick={props.onClick}
    >
      <span role="gridcell" class="time num">
        {props.date && <span class="faint">{day(t, utc.value).slice(5)} </span>}
        {props.offset ?? clock(t, utc.value)}
      </span>
      <span role="gridcell" class="level">
        {levelWord(r)}
      </span>
      <span role="gridcell" class="service">
        {visible(r.service)}
      </span>
      <span role="gridcell" class="body mono">
        {r.event && <span class="event">{preview(r.event, 60)} </span>}
        {preview(gist(r), mostCharacters)}
        {r.duration !== undefined && <span class="faint"> {length(r.duration)}</span>}
      </span>
      <span role="gridcell" class="request">
        {!props.story && (r.request || r.trace) && (
          <a
            href={link(storyOf(r))}
            tabIndex={-1}
            class="mono"
            title={`The story of ${r.request ? 'request' : 'trace'} ${visible(r.request ?? r.trace ?? '')}`}
            onClick={(e) => {
              if (e.metaKey || e.ctrlKey || e.shiftKey) return;
              e.preventDefault();
              e.stopPropagation();
              go(storyOf(r));
            }}
          >
            {preview((r.request ?? r.trace ?? '').slice(0, 8), 8)}
          </a>
        )}
      </span>
    </div>
  );
}

export function List() {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  const all = lines.value;
  const row = rowHeight.value;
  const chosen = route.value.record;
  const first = Math.max(0, Math.floor(top.value / row) - spare);
  const last = Math.min(all.length, Math.ceil((top.value + height.value) / row) + spare);

  useEffect(() => {
    const at = box.current;
    if (!at) return;
    const size = new ResizeObserver(() => (height.value = at.clientHeight));
    size.observe(at);
    atTop.value = true;
    return () => size.disconnect();
  }, []);

  // A reader further down keeps what he reads, while lines come in above.
  const anchor = useRef<{ id: string; offset: number } | undefined>(undefined);
  useLayoutEffect(() => {
    const at = box.current;
    const keep = anchor.current;
    if (at && keep && !atTop.peek()) {
      const i = all.findIndex((r) => r.id === keep.id);
      if (i >= 0) at.scrollTop = i * row + keep.offset;
    }
  }, [all]);

  const scrolled = () => {
    const at = box.current;
    if (!at) return;
    top.value = at.scrollTop;
    atTop.value = at.scrollTop < row;
    const i = Math.floor(at.scrollTop / row);
    const r = lines.peek()[i];
    anchor.current = r ? { id: r.id, offset: at.scrollTop - i * row } : undefined;
    if (tailing.peek() === 'off' && at.scrollTop + at.clientHeight > lines.peek().length * row - 40 * row) void loadMore();
  };

  useEffect(() => {
    const at = box.current;
    const i = lines.peek().findIndex((r) => r.id === route.peek().record);
    if (!at || i < 0 || bring.value === 0) return;
    if (i * row < at.scrollTop) at.scrollTop = Math.max(0, i * row - 2 * row);
    else if ((i + 1) * row > at.scrollTop + at.clientHeight) at.scrollTop = (i + 3) * row - at.clientHeight;
  }, [bring.value, row]);

  const key = (e: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(height.peek() / row) - 1);
    const by = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 }[e.key];
    if (by !== undefined && !e.ctrlKey && !e.metaKey && !e.altKey) step(by);
    else if (e.key === 'Enter') {
      const r = lines.peek().find((x) => x.id === route.peek().record);
      if (!r) step(1);
      else if (r.request || r.trace) go(storyOf(r));
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };

  const begin = all[0] ? Date.parse(all[0].time) : 0;
  const dated = all.length > 0 && day(begin, utc.value) !== day(Date.parse(all[all.length - 1]?.time ?? ''), utc.value);

  return (
    <div class="list-frame">
      {waiting.value > 0 && (
        <button class="waiting" onClick={() => box.current?.scrollTo({ top: 0 })}>
          {whole(waiting.value)} newer ↑
        </button>
      )}
      <div
        ref={box}
        id="lines"
        class={dated ? 'list dated' : 'list'}
        role="grid"
        aria-label="Lines, newest first"
        aria-rowcount={next.value ? -1 : all.length}
        aria-colcount={5}
        aria-busy={linesBusy.value}
        aria-activedescendant={chosen && all.slice(first, last).some((r) => r.id === chosen) ? `line-${chosen}` : undefined}
        tabIndex={0}
        onScroll={scrolled}
        onKeyDown={key}
      >
        <div class="list-inner" role="rowgroup" style={{ height: `${all.length * row}px` }}>
          {all.slice(first, last).map((r, i) => (
            <Row key={r.id} record={r} index={first + i} chosen={r.id === chosen} top={(first + i) * row} date={dated} onClick={() => select(r.id === chosen ? '' : r.id, false)} />
          ))}
          {all.length === 0 && (
            <div role="row" class="row-empty">
              <span role="gridcell">{linesBusy.value ? 'Looking\u2026' : tailing.value !== 'off' ? 'Waiting for lines\u2026' : queryProblem.value ? 'The query can\u2019t be read.' : 'No lines match in this window.'}</span>
            </div>
          )}
        </div>
      </div>
    </div>
  );
}

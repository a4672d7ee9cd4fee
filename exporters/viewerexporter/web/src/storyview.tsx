// The story of a request: each service in its lane, and all that was said, in order.

import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { ask, Problem, type Story } from './api.ts';
import { copy, RecordDetail } from './detail.tsx';
import { Row } from './list.tsx';
import { go, link, route, select, utc } from './state.ts';
import { asText, extent, gaps, isError, lay, ticks, type Placed } from './story.ts';
import { clock, day, length, since, whole } from './time.ts';
import { preview, visible } from './text.ts';
import { term } from './query.ts';

const rowHeight = 20;
/** More parts of one lane than this are not drawn; they are in the records below. */
const mostDrawn = 1500;

function Bar({ placed: p, chosen }: { placed: Placed; chosen: boolean }) {
  const lasts = p.part.duration ?? 0;
  const bad = isError(p.part.level);
  const mark = (p.part.kind === 'log' || p.part.kind === 'part') && lasts === 0;
  const right = p.left + p.width;
  const where = p.width > 0.16 ? 'in' : right > 0.7 ? 'before' : 'after';
  // The name begins with what is seen.
  const seen = `${bad ? '! ' : ''}${preview(p.part.text, 60)} ${mark ? '' : length(lasts)}`.trim();
  const text = `${seen}, ${p.part.kind === 'fold' ? 'event' : p.part.kind} at ${length(p.part.offset)}${bad ? `, ${p.part.level}` : ''}`;
  return (
    <button
      class={`part ${p.part.kind} ${mark ? 'mark' : ''} ${p.part.level} ${bad ? 'bad' : ''} ${chosen ? 'chosen' : ''} label-${where}`}
      style={{ left: `${p.left * 100}%`, width: mark ? '' : `max(3px, ${p.width * 100}%)`, top: `${p.row * rowHeight + 2}px` }}
      title={text}
      aria-label={text}
      aria-pressed={chosen}
      onClick={() => select(chosen ? '' : p.part.record)}
    >
      {!mark && (
        <span>
          {bad ? '! ' : ''}
          {preview(p.part.text, 60)} <i class="num">{length(lasts)}</i>
        </span>
      )}
    </button>
  );
}

function Gantt({ story }: { story: Story }) {
  const total = extent(story);
  const lanes = useMemo(() => lay(story), [story]);
  const holes = useMemo(() => gaps(story), [story]);
  const marks = ticks(total, 6);
  const at = (s: number) => `${total > 0 ? (s / total) * 100 : 0}%`;
  return (
    <section class="gantt" aria-label="What each service did when">
      <div class="gantt-axis" aria-hidden="true">
        {marks.map((s) => (
          <span key={s} class="num" style={{ left: at(s) }}>
            {s === 0 ? '0' : `+${length(s)}`}
          </span>
        ))}
      </div>
      {holes.length > 0 && (
        <div class="gap-names">
          {holes.map((g) => (
            <span key={g.from} class="num" style={{ left: at(g.from), width: at(g.to - g.from) }} title={`Nothing is known of ${length(g.to - g.from)}`}>
              <span>gap {length(g.to - g.from)}</span>
            </span>
          ))}
        </div>
      )}
      {lanes.map((lane) => (
        <div class="lane" key={lane.service} role="group" aria-label={`${visible(lane.service)}, ${lane.placed.length} parts, ${lane.errors} errors`}>
          <div class="lane-name">
            <b>{visible(lane.service)}</b>
            {lane.errors > 0 && (
              <span class="badge error">
                {lane.errors} {lane.errors === 1 ? 'error' : 'errors'}
              </span>
            )}
          </div>
          <div class="lane-time" style={{ height: `${lane.rows * rowHeight + 4}px` }}>
            {marks.map((s) => (
              <i key={s} class="grid-line" style={{ left: at(s) }} />
            ))}
            {holes.map((g) => (
              <i key={g.from} class="gap" style={{ left: at(g.from), width: at(g.to - g.from) }} />
            ))}
            {lane.placed.slice(0, mostDrawn).map((p, i) => (
              <Bar key={`${p.part.record} ${i}`} placed={p} chosen={p.part.record === route.value.record} />
            ))}
          </div>
        </div>
      ))}
    </section>
  );
}

export function StoryView() {
  const { request, trace, record } = route.value;
  const story = useSignal<Story | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const title = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    const control = new AbortController();
    let timer = 0;
    const load = (first: boolean) =>
      ask<Story>('story', request ? { request } : { trace }, control.signal).then(
        (s) => {
          const grew = s.records.length !== story.peek()?.records.length;
          if (first || grew) story.value = s;
          problem.value = undefined;
          if (first) title.current?.focus({ preventScroll: true });
          // A story of this moment goes on.
          if (Date.now() - Date.parse(s.to) < 60_000) timer = window.setTimeout(() => void load(false), 3000);
        },
        (wrong: unknown) => {
          if (!control.signal.aborted) problem.value = wrong instanceof Problem ? wrong : new Problem(String(wrong), 0);
        },
      );
    story.value = undefined;
    problem.value = undefined;
    void load(true);
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [request, trace]);

  useEffect(() => {
    if (record) document.getElementById(`line-${CSS.escape(record)}`)?.scrollIntoView({ block: 'nearest' });
  }, [record, story.value !== undefined]);

  const s = story.value;
  const from = s ? Date.parse(s.from) : 0;
  const errors = s?.lanes.reduce((n, l) => n + l.errors, 0) ?? 0;
  const chosen = s?.records.find((r) => r.id === record);
  const back = { view: 'records' as const, request: '', trace: '', record: '' };
  const around = s && {
    ...back,
    from: String(Math.floor(from - Math.max(1000, extent(s) * 500))),
    to: String(Math.ceil(from + extent(s) * 1000 + Math.max(1000, extent(s) * 500))),
  };
  return (
    <main class="story" aria-label="Story of a request" tabIndex={-1}>
      <header class="story-head">
        <div>
          <h1 ref={title} tabIndex={-1}>
            <span class="faint">{request ? 'Request' : 'Trace'}</span> <span class="mono">{visible(request || trace)}</span>
          </h1>
          {s && (
            <p class="facts num">
              <span>
                {day(from, utc.value)} {clock(from, utc.value)}
              </span>
              <span>{length(extent(s))}</span>
              <span>{s.lanes.length === 1 ? '1 service' : `${s.lanes.length} services`}</span>
              <span>{whole(s.records.length)} records</span>
              {errors > 0 ? <b class="bad-text">{errors === 1 ? '1 error' : `${errors} errors`}</b> : <span>no errors</span>}
              {s.macro && s.macro !== request && <span>part of {visible(s.macro)}</span>}
              {!s.complete && <b>there is more than this</b>}
            </p>
          )}
        </div>
        {s && (
          <div class="acts" role="group" aria-label="Copy the story">
            <button onClick={() => void copy(asText(s, utc.peek()), 'The story as text')}>Copy text</button>
            <button onClick={() => void copy(JSON.stringify(s, null, 2), 'The story as JSON')}>Copy JSON</button>
            <button onClick={() => void copy(location.href, 'The link')}>Copy link</button>
            {around && (
              <a
                class="act"
                href={link({ ...around, query: '' })}
                onClick={(e) => {
                  if (e.metaKey || e.ctrlKey || e.shiftKey) return;
                  e.preventDefault();
                  go({ ...around, query: '' });
                }}
              >
                That moment
              </a>
            )}
            {request && (
              <a
                class="act"
                href={link({ ...back, query: term('request', request) })}
                onClick={(e) => {
                  if (e.metaKey || e.ctrlKey || e.shiftKey) return;
                  e.preventDefault();
                  go({ ...back, query: term('request', request) });
                }}
              >
                As query
              </a>
            )}
          </div>
        )}
      </header>
      {problem.value && (
        <p class="problem" role="alert">
          {visible(problem.value.message)}. {visible(problem.value.detail)}
        </p>
      )}
      {!s && !problem.value && <p class="faint">Looking…</p>}
      {s && (
        <>
          <Gantt story={s} />
          <div class={chosen ? 'story-lines with-detail' : 'story-lines'}>
            <div
              class="list still"
              role="grid"
              aria-label="Records of the story, in order"
              aria-rowcount={s.records.length}
              aria-colcount={5}
              tabIndex={0}
              aria-activedescendant={chosen ? `line-${chosen.id}` : undefined}
              onKeyDown={(e) => {
                const i = s.records.findIndex((r) => r.id === record);
                const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[e.key];
                if (by === undefined) return;
                e.preventDefault();
                e.stopPropagation();
                const r = s.records[Math.min(s.records.length - 1, Math.max(0, i + by))];
                if (r) select(r.id);
              }}
            >
              <div role="rowgroup">
                {s.records.map((r, i) => (
                  <Row key={r.id} record={r} index={i} chosen={r.id === record} story offset={`+${length(since(s.from, r.time))}`} onClick={() => select(r.id === record ? '' : r.id)} />
                ))}
              </div>
            </div>
            {chosen && <RecordDetail key={chosen.id} record={chosen} inStory onClose={() => select('')} />}
          </div>
        </>
      )}
    </main>
  );
}

/** To the next error of the story that is shown; it is drawn and listed in order. */
export function storyError(direction: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('.story-lines .row')];
  const at = rows.findIndex((r) => r.id === `line-${route.peek().record}`);
  const from = at < 0 ? (direction > 0 ? 0 : rows.length - 1) : at + direction;
  for (let i = from; i >= 0 && i < rows.length; i += direction) {
    const row = rows[i];
    if (row?.matches('.error, .fatal')) return select(row.id.slice('line-'.length));
  }
}

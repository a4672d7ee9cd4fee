// Panels of metrics and the volume of lines, over one axis.

import { useMemo, useRef } from 'preact/hooks';
import { computed, signal } from '@preact/signals';
import { levels, type Exemplar, type Metric, type Series } from './api.ts';
import { Dialog } from './dialog.tsx';
import { levelColours, lineColours, moment, Plot, worthDots } from './plot.tsx';
import { go, link, metrics, panels, series, setPanels, storyOf, utc, volume } from './state.ts';
import { clock, compact, measure, short, stamp, whole } from './time.ts';
import { visible } from './text.ts';

/** The unit of what the expression gives: a rate has none of its metric's. */
function unitOf(m: Metric): string {
  if (m.type === 'counter') return m.unit === 'By' || m.unit === 'bytes' ? 'By' : '';
  if (m.unit) return m.unit;
  if (/_seconds(_|$)/.test(m.name)) return 's';
  if (/_milliseconds(_|$)/.test(m.name)) return 'ms';
  if (/_bytes(_|$)/.test(m.name)) return 'By';
  return '';
}

function formatter(m: Metric): (n: number) => string {
  const unit = unitOf(m);
  return m.type === 'counter' ? (n) => `${unit === 'By' ? measure(n, unit) : compact(n)}/s` : (n) => measure(n, unit);
}

/** What tells the series of one panel apart. */
export function labelsOf(all: Series['series']): string[] {
  const names = new Set(all.flatMap((s) => Object.keys(s.labels)));
  // Prometheus' own names for what the resource's attributes say, too.
  const again = (n: string) => (n === 'job' && names.has('service_name')) || (n === 'instance' && names.has('service_instance_id'));
  const telling = [...names].filter((n) => n !== '__name__' && !again(n) && new Set(all.map((s) => s.labels[n] ?? '')).size > 1);
  const shown = telling.length > 0 ? telling : [...names].filter((n) => n === 'service_name' || n === 'quantile');
  return all.map((s) => shown.map((n) => (n === 'quantile' ? `p${short(Number(s.labels[n]) * 100)}` : (s.labels[n] ?? ''))).filter(Boolean).join(' ') || 'all');
}

/** All series on the times that any of them has. */
function align(s: Series): { times: number[]; rows: (number | null)[][] } {
  const times = [...new Set(s.series.flatMap((one) => one.points.map((p) => p[0])))].sort((a, b) => a - b);
  const at = new Map(times.map((t, i) => [t, i]));
  const rows = s.series.map((one) => {
    const row = new Array<number | null>(times.length).fill(null);
    for (const [t, v] of one.points) row[at.get(t) as number] = v;
    return row;
  });
  return { times, rows };
}

function nearest(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - (times[low - 1] ?? 0) < (times[low] ?? 0) - at ? low - 1 : low;
}

function Key(props: { colour: string; label: string; value: string }) {
  return (
    <span class="key">
      <i class={props.colour} aria-hidden="true" />
      {visible(props.label)} <b>{props.value}</b>
    </span>
  );
}

interface Table {
  title: string;
  head: string[];
  rows: string[][];
  exemplars: Exemplar[];
  format: (n: number) => string;
}

const table = signal<Table | undefined>(undefined);

/** At most so many rows say what a chart shows. */
const mostRows = 60;

function sampled(times: readonly number[]): number[] {
  const every = Math.max(1, Math.ceil(times.length / mostRows));
  return times.flatMap((_, i) => (i % every === 0 ? [i] : []));
}

export function ChartTable() {
  const t = table.value;
  if (!t) return null;
  return (
    <Dialog title={t.title} onClose={() => (table.value = undefined)}>
      {t.exemplars.length > 0 && (
        <section aria-label="Exemplars">
          <h3>Exemplars</h3>
          <ul class="exemplars">
            {worthDots(t.exemplars).map((e) => (
              <li key={`${e.time} ${e.request ?? e.trace ?? ''}`}>
                <span class="num">{clock(e.time, utc.value)}</span> <b class="num">{t.format(e.value)}</b>{' '}
                <a
                  href={link(storyOf(e))}
                  onClick={(event) => {
                    event.preventDefault();
                    table.value = undefined;
                    go(storyOf(e));
                  }}
                >
                  {visible(e.request ?? e.trace ?? '')}
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      <table class="values">
        <thead>
          <tr>
            {t.head.map((h) => (
              <th key={h} scope="col">
                {visible(h)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {t.rows.map((row) => (
            <tr key={row[0]}>
              {row.map((cell, i) => (i === 0 ? <th scope="row">{cell}</th> : <td>{cell}</td>))}
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}

function summary(name: string, labels: string[], rows: (number | null)[][], format: (n: number) => string): string {
  const parts = rows.slice(0, 4).map((row, i) => {
    const values = row.filter((n): n is number => n !== null);
    if (values.length === 0) return `${labels[i]}: no values`;
    return `${labels[i]}: lowest ${format(Math.min(...values))}, highest ${format(Math.max(...values))}, last ${format(values[values.length - 1] as number)}`;
  });
  return visible(`${name}. ${parts.join('; ')}${rows.length > 4 ? `; and ${rows.length - 4} more` : ''}`);
}

function Panel({ metric }: { metric: Metric }) {
  const loaded = series.value[metric.name];
  const found = loaded?.value;
  const format = formatter(metric);
  const drawn = useMemo(() => (found ? { ...align(found), labels: labelsOf(found.series) } : undefined), [found]);
  const lines = useMemo(() => drawn?.labels.map((label, i) => ({ label, colour: lineColours[i % lineColours.length] as string })) ?? [], [drawn]);
  const at = moment.value;
  const i = drawn && drawn.times.length > 0 ? (at === undefined ? drawn.times.length - 1 : nearest(drawn.times, at)) : -1;
  return (
    <section class="panel" aria-label={visible(metric.name)}>
      <header>
        <h2 title={visible(`${metric.help ?? ''}\n${metric.expression}`)}>{visible(metric.name)}</h2>
        <div class="keys">
          {lines.slice(0, 8).map((line, k) => {
            const v = drawn?.rows[k]?.[i];
            return <Key key={line.label + k} colour={line.colour} label={line.label} value={v == null ? '\u2013' : format(v)} />;
          })}
          {lines.length > 8 || (found?.more ?? 0) > 0 ? <span class="faint">and {lines.length - Math.min(8, lines.length) + (found?.more ?? 0)} more</span> : null}
        </div>
        <button
          class="plain small"
          disabled={!drawn}
          onClick={() =>
            drawn &&
            (table.value = {
              title: metric.name,
              head: ['time', ...drawn.labels],
              rows: sampled(drawn.times).map((k) => [stamp(drawn.times[k] as number, utc.peek()), ...drawn.rows.map((row) => (row[k] == null ? '' : format(row[k] as number)))]),
              exemplars: found?.exemplars ?? [],
              format,
            })
          }
        >
          Table
        </button>
        <button class="plain small" aria-label={`Remove the panel of ${visible(metric.name)}`} title="Remove" onClick={() => setPanels(panels.peek().filter((m) => m.name !== metric.name).map((m) => m.name))}>
          ✕
        </button>
      </header>
      {loaded?.problem ? (
        <p class="problem">
          {visible(loaded.problem.message)}. {visible(loaded.problem.detail)}
        </p>
      ) : drawn && drawn.times.length === 0 ? (
        <p class="faint empty-chart">No values in this window</p>
      ) : (
        <Plot
          label={drawn ? summary(metric.name, drawn.labels, drawn.rows, format) : `${metric.name}, loading`}
          times={drawn?.times ?? []}
          rows={drawn?.rows ?? []}
          lines={lines}
          height={86}
          format={format}
          exemplars={found?.exemplars ?? []}
          measured={metric.type !== 'counter'}
          describe={(e) => `${format(e.value)} at ${clock(e.time, utc.peek())}: the story of ${visible(e.request ?? e.trace ?? 'nothing')}`}
          onExemplar={(e) => (e.request || e.trace) && go(storyOf(e))}
        />
      )}
    </section>
  );
}

const shownVolume = computed(() => {
  const v = volume.value.value;
  if (!v) return undefined;
  const n = Math.max(0, ...v.levels.map((l) => l.counts.length));
  const times = Array.from({ length: n }, (_, i) => v.from + i * v.step);
  // From the bottom: what is worst, which few lines have, stays where the eye can compare it.
  const present = levels
    .slice()
    .reverse()
    .flatMap((level) => v.levels.find((l) => l.level === level) ?? [])
    .filter((l) => l.counts.some((c) => c > 0));
  const lines: { label: string; colour: string }[] = present.map((l) => ({ label: l.level, colour: levelColours[l.level] }));
  const rows: number[][] = present.map((l) => l.counts);
  if (v.left_out?.some((c) => c > 0)) {
    lines.push({ label: 'left out', colour: levelColours['left out'] });
    rows.push(v.left_out);
  }
  return { times, lines, rows, v };
});

function VolumePanel() {
  const s = shownVolume.value;
  const last = useRef(s);
  if (s) last.current = s;
  const shown = s ?? last.current;
  const at = moment.value;
  const i = shown && at !== undefined && shown.times.length > 0 ? Math.floor((at - (shown.times[0] ?? 0)) / shown.v.step) : -1;
  const sum = (row: number[]) => row.reduce((a, b) => a + b, 0);
  return (
    <section class="panel" aria-label="Lines by severity">
      <header>
        <h2 class="num">{i >= 0 && shown && at !== undefined ? `${clock(at, utc.value, shown.v.step < 1000 ? 'ms' : 's')} \u00b7 lines in ${measure(shown.v.step / 1000, 's')}` : 'lines'}</h2>
        <div class="keys">
          {shown?.lines.map((line, k) => (
            <Key key={line.label} colour={line.colour} label={line.label} value={compact(i >= 0 ? (shown.rows[k]?.[i] ?? 0) : sum(shown.rows[k] ?? []))} />
          ))}
          {shown && !shown.v.complete && <span class="faint">not all counted</span>}
        </div>
        <PanelChooser />
        <button
          class="plain small"
          disabled={!shown}
          onClick={() =>
            shown &&
            (table.value = {
              title: 'Lines by severity',
              head: ['time', ...shown.lines.map((l) => l.label)],
              rows: shown.times.flatMap((t, k) => (shown.rows.some((r) => (r[k] ?? 0) > 0) ? [[stamp(t, utc.peek()), ...shown.rows.map((r) => whole(r[k] ?? 0))]] : [])),
              exemplars: [],
              format: whole,
            })
          }
        >
          Table
        </button>
      </header>
      <Plot
        label={shown ? `${whole(shown.v.total)} lines. ${shown.lines.map((l, k) => `${l.label}: ${whole(sum(shown.rows[k] ?? []))}`).join(', ')}` : 'Lines by severity, loading'}
        times={shown?.times ?? []}
        rows={shown?.rows ?? []}
        lines={shown?.lines ?? []}
        stacked
        step={shown?.v.step ?? 1000}
        height={104}
        axis
        format={compact}
      />
    </section>
  );
}

function PanelChooser() {
  const all = metrics.value ?? [];
  const chosen = new Set(panels.value.map((m) => m.name));
  const free = all.filter((m) => !chosen.has(m.name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (free.length === 0) return null;
  return (
    <label class="chooser">
      <span class="hidden">Add a panel</span>
      <select
        value=""
        onChange={(e) => {
          const name = e.currentTarget.value;
          e.currentTarget.value = '';
          if (name) setPanels([...panels.peek().map((m) => m.name), name]);
        }}
      >
        <option value="">+ metric</option>
        {free.map((m) => (
          <option key={m.name} value={m.name}>
            {visible(m.name)}
            {m.exemplars ? ' \u25cf' : ''}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Charts() {
  return (
    <section class="charts" aria-label="Metrics and volume">
      {panels.value.map((m) => (
        <Panel key={m.name} metric={m} />
      ))}
      <VolumePanel />
      <ChartTable />
    </section>
  );
}

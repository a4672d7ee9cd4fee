// Charts over the one axis of time: uPlot draws, the page adds what can be dragged and followed.

import { useEffect, useRef } from 'preact/hooks';
import { effect, signal } from '@preact/signals';
import uPlot from 'uplot';
import type { Exemplar, Level } from './api.ts';
import { colours, drag, setWindow, settled, utc, type Span } from './state.ts';
import { tick } from './time.ts';

/** The moment under the pointer, in any chart. */
export const moment = signal<number | undefined>(undefined);

export interface Line {
  label: string;
  colour: string;
}

export interface PlotProps {
  label: string;
  times: number[];
  rows: (number | null)[][];
  lines: Line[];
  stacked?: boolean;
  /** Milliseconds that a bar is wide. */
  step?: number;
  height: number;
  axis?: boolean;
  format: (n: number) => string;
  exemplars?: Exemplar[];
  /** Whether the values of exemplars are those of the axis; otherwise they stand at its foot. */
  measured?: boolean;
  onExemplar?: (e: Exemplar) => void;
  describe?: (e: Exemplar) => string;
  selectable?: boolean;
}

/** A colour of the style sheet, as a canvas takes it. */
export function colour(name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  probe.hidden = true;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export const lineColours = ['line-1', 'line-2', 'line-3', 'line-4', 'line-5', 'line-6', 'line-7', 'line-8'];
export const levelColours: { [level in Level | 'left out']: string } = {
  unset: 'level-unset',
  trace: 'level-trace',
  debug: 'level-debug',
  info: 'level-info',
  warn: 'level-warn',
  error: 'level-error',
  fatal: 'level-fatal',
  'left out': 'level-left-out',
};

const gutter = 60;

function stack(rows: (number | null)[][]): number[][] {
  const sums: number[][] = [];
  for (const row of rows) {
    const below = sums[sums.length - 1];
    sums.push(row.map((n, i) => (n ?? 0) + (below?.[i] ?? 0)));
  }
  return sums;
}

function draw(host: HTMLElement, p: PlotProps, current: () => PlotProps): uPlot {
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const ink = colour('ink-2');
  const grid = { stroke: colour('rule'), width: 1 };
  const list: uPlot.Series[] = [{}];
  // Sums are drawn from the highest to the lowest, each over the one before.
  const shown = p.stacked ? p.lines.slice().reverse() : p.lines;
  for (const line of shown) {
    const c = colour(line.colour);
    if (p.stacked) {
      list.push({
        label: line.label,
        fill: c,
        width: 0,
        points: { show: false },
        paths: (u, i, from, to) => bars(u, i, from, to, current().step ?? 1000),
      });
    } else {
      list.push({ label: line.label, stroke: c, width: 1.5, points: { show: p.times.length < 2, size: 4 }, spanGaps: false });
    }
  }
  return new uPlot(
    {
      width: Math.max(120, host.clientWidth),
      height: p.height,
      ms: 1,
      legend: { show: false },
      padding: [6, 10, p.axis ? 0 : 4, 0],
      // Its own way of dragging would take back what is drawn for all charts.
      cursor: { bind: { mousedown: () => null, mouseup: () => null, dblclick: () => null }, drag: { x: false, y: false, setScale: false }, points: { show: !p.stacked, size: 5 }, y: false, sync: { key: 'time', setSeries: false, scales: ['x', null] } },
      scales: {
        x: { time: true, range: () => [settled.peek().from, Math.max(settled.peek().to, settled.peek().from + 1)] },
        y: { range: (_u, _min, max) => [0, ceiling(max, current())] },
      },
      axes: [
        {
          show: p.axis === true,
          size: 22,
          font,
          stroke: ink,
          grid,
          ticks: { ...grid, size: 4 },
          gap: 3,
          space: 84,
          values: (_u, splits) => splits.map((ms) => tick(ms, (splits[1] ?? ms + 1000) - (splits[0] ?? ms), utc.peek())),
        },
        { size: gutter, font, stroke: ink, grid, ticks: { show: false }, gap: 6, space: 26, values: (_u, splits) => splits.map((n) => p.format(n)) },
      ],
      ...(utc.peek() ? { tzDate: (ms: number) => uPlot.tzDate(new Date(ms), 'Etc/UTC') } : {}),
      series: list,
      hooks: {
        // One that is made while someone drags has no scale before it is drawn.
        draw: [(u) => drag.peek() !== undefined && mark(u, drag.peek())],
        setCursor: [
          (u) => {
            const i = u.cursor.left ?? -1;
            if (u.cursor.event?.isTrusted !== false && i >= 0) moment.value = u.posToVal(i, 'x');
          },
        ],
      },
    },
    data(p),
    host,
  );
}

/** The axis reaches to the exemplars, unless they would press the lines flat. */
function ceiling(max: number, p: PlotProps): number {
  const lines = Number.isFinite(max) && max > 0 ? max : 0;
  const dots = p.measured ? Math.max(0, ...worthDots(p.exemplars ?? []).map((e) => e.value)) : 0;
  return Math.max(lines, Math.min(dots, lines * 3)) * 1.08 || 1;
}

function bars(u: uPlot, series: number, from: number, to: number, step: number): uPlot.Series.Paths {
  const fill = new Path2D();
  const xs = u.data[0];
  const ys = u.data[series];
  const base = u.valToPos(0, 'y', true);
  const gap = Math.min(2, Math.max(0.5, (u.valToPos(step, 'x', true) - u.valToPos(0, 'x', true)) * 0.12));
  for (let i = from; i <= to; i++) {
    const y = ys?.[i];
    const x = xs[i];
    if (!y || x === undefined) continue;
    const left = u.valToPos(x, 'x', true);
    const right = u.valToPos(x + step, 'x', true);
    const top = Math.min(base - 1, u.valToPos(y, 'y', true));
    fill.rect(left, top, Math.max(1, right - left - gap), base - top);
  }
  return { fill, stroke: null, clip: null, band: null, gaps: null, flags: 1 } as unknown as uPlot.Series.Paths;
}

function data(p: PlotProps): uPlot.AlignedData {
  const rows = p.stacked ? stack(p.rows).reverse() : p.rows;
  return [p.times, ...rows] as uPlot.AlignedData;
}

/** Pixels that a pointer moves before it drags. */
const leastDrag = 4;

/**
 * Pointers of all kinds: a drag selects, in every chart at once. The host hears them, since
 * a chart is made anew when other lines come, also while someone drags over it.
 */
function listen(host: HTMLElement, chart: () => uPlot | undefined): () => void {
  let start: number | undefined;
  let pressed = 0;
  const at = (u: uPlot, e: PointerEvent) => {
    const box = u.over.getBoundingClientRect();
    return u.posToVal(Math.min(box.width, Math.max(0, e.clientX - box.left)), 'x');
  };
  const down = (e: PointerEvent) => {
    const u = chart();
    if (u === undefined || e.button !== 0 || !(e.target as HTMLElement).closest('.u-over')) return;
    start = at(u, e);
    pressed = e.clientX;
  };
  const move = (e: PointerEvent) => {
    const u = chart();
    if (start === undefined || u === undefined) return;
    const end = at(u, e);
    if (drag.peek() === undefined) {
      // Until then it may become a click on a dot.
      if (Math.abs(e.clientX - pressed) <= leastDrag) return;
      host.setPointerCapture(e.pointerId);
    }
    drag.value = { from: Math.min(start, end), to: Math.max(start, end) };
  };
  const up = (e: PointerEvent) => {
    if (start === undefined) return;
    start = undefined;
    const u = chart();
    const chosen = drag.peek();
    drag.value = undefined;
    if (e.type === 'pointerup' && u && chosen && u.valToPos(chosen.to, 'x') - u.valToPos(chosen.from, 'x') > leastDrag) setWindow(chosen.from, chosen.to);
  };
  const escape = (e: KeyboardEvent) => {
    if (e.key === 'Escape' && start !== undefined) {
      start = undefined;
      drag.value = undefined;
    }
  };
  const leave = () => (moment.value = undefined);
  host.addEventListener('pointerdown', down);
  host.addEventListener('pointermove', move);
  host.addEventListener('pointerup', up);
  host.addEventListener('pointercancel', up);
  host.addEventListener('pointerleave', leave);
  addEventListener('keydown', escape);
  return () => removeEventListener('keydown', escape);
}

function mark(u: uPlot, of: Span | undefined): void {
  if (of === undefined) u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  else {
    const left = u.valToPos(of.from, 'x');
    u.setSelect({ left, top: 0, width: u.valToPos(of.to, 'x') - left, height: u.over.clientHeight }, false);
  }
}

const mostDots = 40;

/** The exemplars that are worth a dot: the highest, and those that stand apart. */
export function worthDots(all: readonly Exemplar[], most = mostDots): Exemplar[] {
  return all.length <= most ? all.slice() : all.slice().sort((a, b) => b.value - a.value).slice(0, most);
}

function dots(u: uPlot, p: PlotProps): void {
  u.over.querySelectorAll('.dot').forEach((d) => d.remove());
  const { width, height } = u.over.getBoundingClientRect();
  const top = u.scales.y?.max ?? 1;
  for (const e of worthDots(p.exemplars ?? [])) {
    const left = u.valToPos(e.time, 'x');
    if (!(left >= 0 && left <= width)) continue;
    const dot = document.createElement('button');
    dot.className = 'dot';
    dot.type = 'button';
    dot.tabIndex = -1; // the chart's table has the same, as links
    const text = p.describe?.(e) ?? '';
    dot.title = text;
    dot.setAttribute('aria-label', text);
    dot.style.left = `${left}px`;
    dot.style.top = `${Math.min(height, Math.max(0, u.valToPos(p.measured ? Math.min(e.value, top) : 0, 'y') - (p.measured ? 0 : 5)))}px`;
    dot.addEventListener('click', () => p.onExemplar?.(e));
    u.over.append(dot);
  }
}

export function Plot(props: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const now = useRef(props);
  now.current = props;
  const shape = JSON.stringify([props.lines, props.stacked, props.height, props.axis, utc.value, colours.value, props.step, props.times.length < 2]);

  useEffect(() => host.current ? listen(host.current, () => plot.current) : undefined, []);

  useEffect(() => {
    const at = host.current;
    if (!at) return;
    const u = draw(at, now.current, () => now.current);
    plot.current = u;
    const stop = effect(() => mark(u, drag.value));
    const size = new ResizeObserver(() => {
      const width = at.clientWidth;
      if (width > 0 && Math.abs(width - u.width) > 1) {
        u.setSize({ width, height: now.current.height });
        dots(u, now.current);
      }
    });
    size.observe(at);
    dots(u, now.current);
    return () => {
      stop();
      size.disconnect();
      u.destroy();
      plot.current = undefined;
    };
  }, [shape]);

  const { from, to } = settled.value;
  useEffect(() => {
    const u = plot.current;
    if (!u) return;
    u.setData(data(now.current), true);
    queueMicrotask(() => plot.current === u && dots(u, now.current));
  }, [shape, props.times, props.rows, props.exemplars, from, to]);

  return (
    <>
      <p class="hidden">{props.label}</p>
      <div class="plot" ref={host} style={{ height: `${props.height}px` }} />
    </>
  );
}

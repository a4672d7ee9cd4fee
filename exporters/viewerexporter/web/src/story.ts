// The story of a request: where its parts are drawn, and what it is as text.

import type { Part, Story } from './api.ts';
import { clock, day, length, since } from './time.ts';
import { gist, visible } from './text.ts';

export interface Placed {
  part: Part;
  row: number;
  /** Of the story's length, 0 to 1. */
  left: number;
  width: number;
}

export interface LaneLayout {
  service: string;
  errors: number;
  rows: number;
  placed: Placed[];
}

export interface Gap {
  /** Seconds since the beginning. */
  from: number;
  to: number;
}

export function isError(level: string): boolean {
  return level === 'error' || level === 'fatal';
}

/** Seconds from the story's first to its last moment. */
export function extent(story: Story): number {
  let end = since(story.from, story.to);
  if (!(end > 0)) end = 0;
  for (const lane of story.lanes) {
    for (const p of lane.parts) end = Math.max(end, p.offset + (p.duration ?? 0));
  }
  return end;
}

const order = { fold: 0, span: 1, part: 2, log: 3 } as const;

/** Spans lie below their parents; lines share rows, and move down where they would touch. */
export function lay(story: Story): LaneLayout[] {
  const total = extent(story) || 1e-9;
  const near = total / 120; // what is closer would lie on one another
  const label = total / 7; // what stands beside a bar that is too short for it
  return story.lanes.map((lane) => {
    const ends: number[] = [];
    const placed: Placed[] = [];
    // The parts of a folded event were often lines of their own before: once is enough.
    const alone = new Set(lane.parts.filter((p) => p.kind === 'log').map((p) => `${Math.round(p.offset * 1e5)} ${p.level}`));
    let base = 0;
    for (const kind of ['fold', 'span', 'part', 'log'] as const) {
      const parts = lane.parts
        .filter((p) => p.kind === kind && (kind !== 'part' || !alone.has(`${Math.round(p.offset * 1e5)} ${p.level}`)))
        .sort((a, b) => a.offset - b.offset || (b.duration ?? 0) - (a.duration ?? 0));
      const first = ends.length;
      for (const part of parts) {
        const lasts = part.duration ?? 0;
        let row = kind === 'span' ? base + (part.depth ?? 0) : kind === 'log' || kind === 'part' ? first : base;
        while ((ends[row] ?? -1) > part.offset + 1e-12) {
          row++;
          if ((kind === 'log' || kind === 'part') && row >= first + 3) {
            row = first + 2;
            break;
          }
        }
        for (let r = ends.length; r < row; r++) ends[r] = -1;
        const room = kind === 'log' || kind === 'part' ? Math.max(lasts, near) : lasts > label ? lasts : lasts + label;
        ends[row] = Math.max(part.offset + room, ends[row] ?? -1);
        placed.push({ part, row, left: Math.min(1, Math.max(0, part.offset / total)), width: Math.min(1, lasts / total) });
      }
      base = ends.length;
    }
    placed.sort((a, b) => a.part.offset - b.part.offset || order[a.part.kind] - order[b.part.kind]);
    return { service: lane.service, errors: lane.errors, rows: Math.max(1, ends.length), placed };
  });
}

/** The times in which no part is at work, if they are long enough to ask why. */
export function gaps(story: Story): Gap[] {
  const total = extent(story);
  const least = Math.max(total * 0.08, 0.001);
  const busy = story.lanes
    .flatMap((l) => l.parts)
    .filter((p) => p.kind !== 'fold') // it lasts from its first line to its last, whatever happens between
    .map((p) => [p.offset, p.offset + (p.duration ?? 0)] as const)
    .sort((a, b) => a[0] - b[0]);
  const found: Gap[] = [];
  let until: number | undefined;
  for (const [from, to] of busy) {
    if (until !== undefined && from - until >= least) found.push({ from: until, to: from });
    until = Math.max(until ?? to, to);
  }
  return found;
}

/** Round times for the axis of a story, in seconds. */
export function ticks(total: number, most: number): number[] {
  if (!(total > 0)) return [0];
  const raw = total / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw * 0.999) ?? raw;
  const list: number[] = [];
  for (let i = 0; i * step <= total * 1.0001; i++) list.push(i * step);
  return list;
}

/** A story as a person would send it to another. */
export function asText(story: Story, utc: boolean): string {
  const from = Date.parse(story.from);
  const title = story.request ? `request ${story.request}` : `trace ${story.traces?.join(', ') ?? ''}`;
  const errors = story.lanes.reduce((n, l) => n + l.errors, 0);
  const head = [
    visible(title),
    `${day(from, utc)} ${clock(from, utc)}${utc ? ' UTC' : ''}, ${length(extent(story))}, ${story.lanes.map((l) => visible(l.service)).join(' > ')}${errors > 0 ? `, ${errors} ${errors === 1 ? 'error' : 'errors'}` : ''}`,
  ];
  const names = Math.max(0, ...story.lanes.map((l) => l.service.length));
  const lines = story.records.map((r) => {
    const offset = since(story.from, r.time);
    const lasts = r.duration !== undefined ? ` (${length(r.duration)})` : '';
    const what = r.kind === 'span' ? 'span' : r.level;
    return `${`+${length(offset)}`.padStart(10)}  ${what.padEnd(5)}  ${visible(r.service).padEnd(names)}  ${[r.event ? `[${visible(r.event)}]` : '', visible(gist(r))].filter(Boolean).join(' ')}${lasts}`;
  });
  return [...head, '', ...lines, ...(story.complete ? [] : ['', 'There is more than this.']), ''].join('\n');
}

// The API of openapi.yaml, as the page sees it.

export const levels = ['unset', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Level = (typeof levels)[number];
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export interface LogRecord {
  id: string;
  kind: 'log' | 'span';
  time: string;
  arrived?: string;
  level: Level;
  severity?: string;
  service: string;
  body: Json;
  event?: string;
  request?: string;
  macro?: string;
  trace?: string;
  span?: string;
  parent?: string;
  duration?: number;
  status?: 'unset' | 'ok' | 'error';
  uid?: string;
  attributes: { [key: string]: Json };
  resource: { [key: string]: Json };
}

export interface RecordPage {
  records: LogRecord[];
  next?: string;
  complete: boolean;
}

export interface Volume {
  from: number;
  step: number;
  levels: { level: Level; counts: number[] }[];
  left_out?: number[];
  total: number;
  complete: boolean;
}

export interface Facet {
  field: string;
  values: { value: string; count: number }[];
  others: number;
}

export interface Facets {
  facets: Facet[];
  counted: number;
  complete: boolean;
}

export interface Completion {
  text: string;
  kind: 'field' | 'value' | 'operator';
  count?: number;
}

export interface Completions {
  from: number;
  to: number;
  completions: Completion[];
}

export interface Part {
  record: string;
  kind: 'log' | 'fold' | 'part' | 'span';
  offset: number;
  duration?: number;
  depth?: number;
  text: string;
  level: Level;
}

export interface Lane {
  service: string;
  errors: number;
  parts: Part[];
}

export interface Story {
  request?: string;
  macro?: string;
  traces?: string[];
  from: string;
  to: string;
  lanes: Lane[];
  records: LogRecord[];
  complete: boolean;
}

export interface Metric {
  name: string;
  type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'unknown';
  unit?: string;
  help?: string;
  labels?: string[];
  series: number;
  exemplars?: boolean;
  expression: string;
}

export interface Exemplar {
  time: number;
  value: number;
  labels: { [key: string]: string };
  request?: string;
  trace?: string;
  span?: string;
}

export interface Series {
  series: { labels: { [key: string]: string }; points: [number, number | null][] }[];
  exemplars: Exemplar[];
  more: number;
}

export interface Status {
  version: string;
  now: string;
  store: { records: number; spans: number; series: number; bytes: number; max_bytes: number; oldest?: string; newest?: string };
  received: number;
  left_out: number;
  damaged?: string[];
}

export interface PipelineComponent {
  id: string;
  kind: 'receiver' | 'processor' | 'exporter' | 'connector' | 'extension';
  in?: number;
  out?: number;
  failed?: number;
  values: { name: string; value: number; unit?: string; labels?: { [key: string]: string }; bad?: boolean }[];
}

export interface Pipeline {
  at: string | null;
  problem?: string;
  pipelines: { id: string; receivers: string[]; processors: string[]; exporters: string[] }[];
  components: PipelineComponent[];
}

export interface Tailed {
  records: LogRecord[];
  matched: number;
  shown: number;
  left_out: number;
  cursor: string;
}

export type Parameters = { [name: string]: string | number | undefined };

/** What the server said against a call; `at` is the place in a query. */
export class Problem extends Error {
  readonly status: number;
  readonly detail: string;
  readonly at: number | undefined;

  constructor(title: string, status: number, detail = '', at?: number) {
    super(title);
    this.status = status;
    this.detail = detail;
    this.at = at;
  }
}

export function address(call: string, parameters: Parameters): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return `/api/v1/${call}${text === '' ? '' : `?${text}`}`;
}

export async function ask<T>(call: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(address(call, parameters), signal ? { signal } : {});
  } catch (wrong) {
    if (signal?.aborted) throw wrong;
    throw new Problem('The Collector does not answer', 0, 'It may have stopped; the page asks again.');
  }
  if (answer.ok) return (await answer.json()) as T;
  let said: { title?: string; detail?: string; at?: number } = {};
  try {
    said = await answer.json();
  } catch {
    // Something between the page and the Collector answered.
  }
  if (answer.status === 401) throw new Problem('The page needs its token again', 401, 'Open the URL that the Collector printed when it started.');
  throw new Problem(said.title ?? `The answer was ${answer.status}`, answer.status, said.detail, said.at);
}

/** True for a call that was given up, since another took its place. */
export function isAbort(wrong: unknown): boolean {
  return wrong instanceof DOMException && wrong.name === 'AbortError';
}

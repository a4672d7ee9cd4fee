// What is looked at, as a URL that says it all.

export type View = 'records' | 'story' | 'pipeline';

export interface Route {
  view: View;
  query: string;
  from: string;
  to: string;
  /** Metrics that have a panel; undefined: the page chooses. */
  panels: string[] | undefined;
  /** The id of the record that is looked at. */
  record: string;
  request: string;
  trace: string;
}

export const defaultFrom = 'now-15m';
export const defaultTo = 'now';

export function parse(path: string, search: string): Route {
  const p = new URLSearchParams(search);
  const view: View = path.startsWith('/story') ? 'story' : path.startsWith('/pipeline') ? 'pipeline' : 'records';
  const panels = p.get('panels');
  return {
    view,
    query: p.get('query') ?? '',
    from: p.get('from') || defaultFrom,
    to: p.get('to') || defaultTo,
    panels: panels === null ? undefined : panels.split(',').filter((name) => name !== ''),
    record: p.get('record') ?? '',
    request: p.get('request') ?? '',
    trace: p.get('trace') ?? '',
  };
}

export function format(r: Route): string {
  const p = new URLSearchParams();
  if (r.view === 'story') {
    if (r.request !== '') p.set('request', r.request);
    else if (r.trace !== '') p.set('trace', r.trace);
  }
  if (r.query !== '') p.set('query', r.query);
  if (r.from !== defaultFrom) p.set('from', r.from);
  if (r.to !== defaultTo) p.set('to', r.to);
  if (r.panels !== undefined) p.set('panels', r.panels.join(','));
  if (r.record !== '') p.set('record', r.record);
  const search = p.toString().replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%2F/g, '/');
  return `${r.view === 'records' ? '/' : `/${r.view}`}${search === '' ? '' : `?${search}`}`;
}

// Terms of the query language, put into a query and taken out of it.

import type { Completions } from './api.ts';

const bare = /^[A-Za-z0-9._/@][A-Za-z0-9._\-/@]*$/;
const words = /^(and|or|not)$/i;

const shortNames: { [field: string]: string } = {
  'service.name': 'service',
  'request.id': 'request',
  'host.name': 'host',
  'http.response.status_code': 'status',
};

export function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

function fieldOf(name: string): string {
  const known = shortNames[name] ?? name;
  return bare.test(known) && !words.test(known) ? known : quote(known);
}

/** `field:value`, quoted where it must be. */
export function term(field: string, value: string): string {
  return `${fieldOf(field)}:${bare.test(value) && !words.test(value) ? value : quote(value)}`;
}

interface Token {
  text: string;
  from: number;
  to: number;
}

/** The words of a query: quotes keep together, parentheses and what is in them count as depth. */
function tokens(query: string): { list: Token[]; top: string[] } {
  const list: Token[] = [];
  const top: string[] = [];
  let depth = 0;
  for (let i = 0; i < query.length; ) {
    if (/\s/.test(query.charAt(i))) {
      i++;
      continue;
    }
    const from = i;
    const before = depth;
    while (i < query.length && (depth > before || !/\s/.test(query.charAt(i)))) {
      const c = query.charAt(i);
      if (c === '"') {
        for (i++; i < query.length && query.charAt(i) !== '"'; i++) if (query.charAt(i) === '\\') i++;
      } else if (c === '(') depth++;
      else if (c === ')') depth = Math.max(0, depth - 1);
      i++;
    }
    i = Math.min(i, query.length);
    list.push({ text: query.slice(from, i), from, to: i });
    top.push(query.slice(from, i));
  }
  return { list, top };
}

function without(query: string, unwanted: string): string {
  const { list, top } = tokens(query);
  if (top.some((t) => /^or$/i.test(t))) return query;
  const kept = list.filter((t, i) => {
    const next = list[i + 1];
    if (/^and$/i.test(t.text) && (i === 0 || next === undefined || next.text === unwanted || list[i - 1]?.text === unwanted)) return false;
    return t.text !== unwanted;
  });
  return kept.map((t) => t.text).join(' ');
}

/** Whether a term stands in the query by itself. */
export function has(query: string, wanted: string): boolean {
  const { top } = tokens(query);
  return !top.some((t) => /^or$/i.test(t)) && top.includes(wanted);
}

/** The query, narrowed by a term; what says the opposite goes. */
export function narrow(query: string, wanted: string): string {
  const opposite = wanted.startsWith('-') ? wanted.slice(1) : `-${wanted}`;
  const rest = without(query, opposite);
  if (has(rest, wanted)) return rest;
  if (rest.trim() === '') return wanted;
  return tokens(rest).top.some((t) => /^or$/i.test(t)) ? `(${rest}) ${wanted}` : `${rest} ${wanted}`;
}

/** The query without a term that stands by itself. */
export function widen(query: string, unwanted: string): string {
  return without(query, unwanted);
}

/** Errors alone, of what matches. */
export function errorsOf(query: string): string {
  return query.trim() === '' ? 'level>=error' : `(${query}) level>=error`;
}

/**
 * What is left of the completions for one text when more of it has been typed, so that none is
 * taken that no longer fits, while the next are on their way.
 */
export function fitting(found: Completions, before: string, text: string, caret: number): Completions | undefined {
  if (caret < found.from || text.slice(0, found.from) !== before.slice(0, found.from) || text.slice(caret) !== before.slice(found.to)) return undefined;
  const typed = text.slice(found.from, caret).toLowerCase();
  const completions = found.completions.filter((c) => c.text.toLowerCase().startsWith(typed));
  return completions.length > 0 ? { ...found, to: caret, completions } : undefined;
}

// The query, with what could come next, and with what is wrong where it is wrong.

import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { ask, type Completions } from './api.ts';
import { go, queryProblem, route, span } from './state.ts';
import { fitting } from './query.ts';
import { compact } from './time.ts';
import { visible } from './text.ts';

export function QueryLine() {
  const input = useRef<HTMLInputElement>(null);
  const mirror = useRef<HTMLDivElement>(null);
  const text = useSignal(route.value.query);
  const offered = useSignal<Completions | undefined>(undefined);
  const chosen = useSignal(-1);
  const offeredFor = useRef('');
  const asked = useRef<AbortController | undefined>(undefined);
  const timer = useRef(0);
  const query = route.value.query;

  useEffect(() => {
    if (text.peek() !== query) text.value = query;
    offered.value = undefined;
  }, [query]);

  const close = () => {
    asked.current?.abort();
    clearTimeout(timer.current);
    offered.value = undefined;
    chosen.value = -1;
  };

  const offer = () => {
    clearTimeout(timer.current);
    asked.current?.abort(); // what it would give is of another text
    timer.current = window.setTimeout(() => {
      const at = input.current?.selectionStart ?? text.peek().length;
      asked.current = new AbortController();
      const { from, to } = span.peek();
      const whole = text.peek();
      ask<Completions>('completions', { query: whole || ' ', at: whole ? at : 0, from, to }, asked.current.signal).then(
        (found) => {
          chosen.value = -1;
          offeredFor.current = whole;
          offered.value = found.completions.length > 0 && document.activeElement === input.current ? found : undefined;
        },
        () => (offered.value = undefined),
      );
    }, 80);
  };

  const run = () => {
    close();
    if (text.peek() === route.peek().query && queryProblem.peek() === undefined) return;
    queryProblem.value = undefined;
    go({ query: text.peek().trim(), record: '' });
  };

  const take = (i: number) => {
    const found = offered.peek();
    const one = found?.completions[i];
    const field = input.current;
    if (!found || !one || !field) return;
    const before = text.peek().slice(0, found.from) + one.text;
    const after = text.peek().slice(found.to);
    const space = one.kind === 'field' ? (/[:=<>]$/.test(one.text) ? '' : ':') : after === '' ? ' ' : '';
    text.value = before + space + after;
    field.value = text.value;
    field.focus();
    field.setSelectionRange(before.length + space.length, before.length + space.length);
    close();
    offer();
  };

  const key = (e: KeyboardEvent) => {
    const n = offered.peek()?.completions.length ?? 0;
    if (e.key === 'ArrowDown' && n === 0) offer();
    else if (e.key === 'ArrowDown' && n > 0) chosen.value = (chosen.value + 1) % n;
    else if (e.key === 'ArrowUp' && n > 0) chosen.value = (chosen.value - 1 + n) % n;
    else if (e.key === 'Tab' && n > 0 && !e.shiftKey && (chosen.value >= 0 || text.peek() !== route.peek().query)) take(Math.max(0, chosen.value));
    else if (e.key === 'Enter' && chosen.value >= 0) take(chosen.value);
    else if (e.key === 'Enter') run();
    else if (e.key === 'Escape' && n > 0) close();
    else if (e.key === 'Escape') {
      text.value = route.peek().query;
      input.current?.blur();
      return;
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };

  const wrong = queryProblem.value;
  const at = wrong?.at !== undefined && text.value === query ? Math.min(wrong.at, query.length) : undefined;
  const end = at === undefined ? 0 : Math.max(at + 1, at + (/^[^\s()]+/.exec(query.slice(at))?.[0].length ?? 1));
  const list = offered.value?.completions ?? [];

  return (
    <div class="query" role="search">
      <div class={wrong ? 'query-box wrong' : 'query-box'}>
        <span class="query-sign" aria-hidden="true">
          <svg viewBox="0 0 16 16" width="14" height="14"><circle cx="7" cy="7" r="4.500" /><path d="m10.500 10.500 4 4" /></svg>
        </span>
        <div class="query-field">
          <div class="query-mirror" ref={mirror} aria-hidden="true">
            {at !== undefined && (
              <>
                {query.slice(0, at)}
                <mark>{query.slice(at, end) || ' '}</mark>
                {query.slice(end)}
              </>
            )}
          </div>
          <input
            ref={input}
            id="query"
            type="text"
            value={text.value}
            placeholder="Find: a word, &quot;a phrase&quot;, service:orders, level>=error, duration>200ms"
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            enterkeyhint="search"
            role="combobox"
            aria-label="Query"
            aria-expanded={list.length > 0}
            aria-controls="completions"
            aria-autocomplete="list"
            aria-invalid={wrong !== undefined}
            aria-describedby={wrong ? 'query-problem' : undefined}
            aria-activedescendant={chosen.value >= 0 ? `completion-${chosen.value}` : undefined}
            onInput={(e) => {
              text.value = e.currentTarget.value;
              const found = offered.peek();
              if (found) {
                chosen.value = -1;
                offered.value = fitting(found, offeredFor.current, text.peek(), e.currentTarget.selectionStart ?? text.peek().length);
                offeredFor.current = text.peek();
              }
              offer();
            }}
            onFocus={() => text.peek() === '' && offer()}
            onClick={offer}
            onBlur={() => setTimeout(close, 150)}
            onKeyDown={key}
            onScroll={(e) => mirror.current && (mirror.current.scrollLeft = e.currentTarget.scrollLeft)}
          />
        </div>
        {text.value !== '' && (
          <button
            class="plain small"
            aria-label="Clear the query"
            title="Clear the query"
            onClick={() => {
              text.value = '';
              run();
              input.current?.focus();
            }}
          >
            ✕
          </button>
        )}
        <button class="go" onClick={run}>
          Find
        </button>
      </div>
      <ul id="completions" role="listbox" aria-label="How the query could go on" hidden={list.length === 0}>
        {list.map((c, i) => (
          <li
            key={`${c.kind} ${c.text}`}
            id={`completion-${i}`}
            role="option"
            aria-selected={i === chosen.value}
            onPointerDown={(e) => {
              e.preventDefault();
              take(i);
            }}
          >
            <span class="mono">{visible(c.text)}</span>
            <span class="faint">{c.count !== undefined ? compact(c.count) : c.kind}</span>
          </li>
        ))}
      </ul>
      {wrong && (
        <p id="query-problem" class="problem" role="alert">
          {wrong.at !== undefined && <span class="num">at {wrong.at + 1}: </span>}
          {visible(wrong.message)}
          {wrong.detail && <>. {visible(wrong.detail)}</>}
        </p>
      )}
    </div>
  );
}

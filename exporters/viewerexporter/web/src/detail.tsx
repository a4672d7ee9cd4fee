// One record with all that it says; each value narrows the query.

import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { ask, type Json, type LogRecord } from './api.ts';
import { levelClass, levelWord } from './list.tsx';
import { go, link, route, say, select, selected, storyOf, utc } from './state.ts';
import { narrow, term } from './query.ts';
import { length, stamp } from './time.ts';
import { plain, visible, visibleLines } from './text.ts';

/** What is shown of a value before someone asks for all of it. */
const folded = 2000;
/** More than this a browser lays out slowly. */
const most = 1 << 20;

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS, other hosts than localhost have no clipboard.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  say(`${what} copied`);
}

export function Long({ text }: { text: string }) {
  const open = useSignal(false);
  if (text.length <= folded) return <>{visibleLines(text)}</>;
  return (
    <>
      {visibleLines(text.slice(0, open.value ? most : folded))}
      {!open.value && '\u2026 '}
      <button class="plain small" onClick={() => (open.value = !open.value)}>
        {open.value ? 'less' : `all ${text.length.toLocaleString('en')} characters`}
      </button>
    </>
  );
}

function Field({ name, value, narrowing = true }: { name: string; value: Json; narrowing?: boolean }) {
  const text = plain(value);
  const can = narrowing && typeof value !== 'object' && text !== '' && text.length <= 1000;
  const use = (exclude: boolean) => {
    const wanted = (exclude ? '-' : '') + term(name, text);
    go({ view: 'records', query: narrow(route.peek().query, wanted), request: '', trace: '' });
    say(`Query: ${wanted}`);
  };
  return (
    <div class="field">
      <dt class="mono">{visible(name)}</dt>
      <dd class="mono">
        {can ? (
          <button class="value" title={`Only ${visible(name)} with this value`} onClick={() => use(false)}>
            <bdi>{visibleLines(text)}</bdi>
          </button>
        ) : (
          <bdi>
            <Long text={text} />
          </bdi>
        )}
        {can && (
          <button class="plain small exclude" aria-label={`Without ${visible(name)} ${visible(text.slice(0, 60))}`} title="Without this value" onClick={() => use(true)}>
            −
          </button>
        )}
      </dd>
    </div>
  );
}

function Fields({ title, of }: { title: string; of: { [name: string]: Json } }) {
  const entries = Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <dl>
        {entries.map(([name, value]) => (
          <Field key={name} name={name} value={value} />
        ))}
      </dl>
    </section>
  );
}

export function RecordDetail({ record: r, onClose, inStory = false }: { record: LogRecord; onClose: () => void; inStory?: boolean }) {
  const about: [string, Json | undefined][] = [
    ['service', r.service],
    ['level', r.kind === 'log' ? r.level : undefined],
    ['event', r.event],
    ['request', r.request],
    ['trace', r.trace],
    ['span', r.span],
  ];
  return (
    <aside class="detail" aria-label="The chosen record">
      <header>
        <span class={`badge ${levelClass(r)}`}>{levelWord(r)}</span>
        <b class="num">{stamp(Date.parse(r.time), utc.value)}</b>
        <span class="grow" />
        <button class="plain small" onClick={() => void copy(JSON.stringify(r, null, 2), 'The record')}>
          Copy
        </button>
        <button class="plain small" onClick={() => void copy(location.href, 'The link')}>
          Link
        </button>
        <button class="plain small" aria-label="Close the record" title="Close (Esc)" onClick={onClose}>
          ✕
        </button>
      </header>
      <div class="detail-body" tabIndex={0} role="group" aria-label="Fields">
        {r.body !== null && r.body !== '' && (
          <p class="whole mono" dir="auto">
            <Long text={typeof r.body === 'string' ? r.body : JSON.stringify(r.body, null, 2)} />
          </p>
        )}
        {!inStory && (r.request || r.trace) && (
          <p>
            <a
              class="act"
              href={link(storyOf(r))}
              onClick={(e) => {
                if (e.metaKey || e.ctrlKey || e.shiftKey) return;
                e.preventDefault();
                go(storyOf(r));
              }}
            >
              Story of this {r.request ? 'request' : 'trace'} →
            </a>
          </p>
        )}
        <dl>
          {about.map(([name, value]) => (value ? <Field key={name} name={name} value={value} narrowing={name !== 'event'} /> : null))}
          {r.event && <Field name="name" value={r.event} />}
          {r.duration !== undefined && <Field name="length" value={length(r.duration)} narrowing={false} />}
        </dl>
        <Fields title="Attributes" of={r.attributes} />
        <Fields title="Resource" of={r.resource} />
      </div>
    </aside>
  );
}

/** The record of the URL: from the list, or asked for by its id. */
export function Detail() {
  const id = route.value.record;
  const asked = useSignal<LogRecord | undefined>(undefined);
  const listed = selected.value;
  useEffect(() => {
    if (id === '' || listed) return;
    let gone = false;
    ask<LogRecord>(`records/${encodeURIComponent(id)}`).then(
      (r) => !gone && (asked.value = r),
      () => !gone && (asked.value = undefined),
    );
    return () => {
      gone = true;
    };
  }, [id, listed === undefined]);
  const r = listed ?? (asked.value?.id === id ? asked.value : undefined);
  if (!r) return null;
  return <RecordDetail key={r.id} record={r} onClose={() => select('')} />;
}

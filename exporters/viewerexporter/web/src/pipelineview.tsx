// The pipelines as they are, and how they are.

import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { ask, Problem, type Pipeline, type PipelineComponent } from './api.ts';
import { status, utc } from './state.ts';
import { bytes, clock, compact, day, measure, whole } from './time.ts';
import { visible } from './text.ts';

function rateText(n: number): string {
  return `${compact(n)}/s`;
}

/** The labels by which a value differs from the others of its name. */
function telling(v: PipelineComponent['values'][number], all: PipelineComponent['values']): string {
  const others = all.filter((o) => o.name === v.name);
  const names = Object.keys(v.labels ?? {}).filter((n) => others.some((o) => o.labels?.[n] !== v.labels?.[n]));
  return names.map((n) => ` ${visible(v.labels?.[n] ?? '')}`).join('');
}

function isBad(c: PipelineComponent | undefined): boolean {
  return (c?.failed ?? 0) > 0 || (c?.values.some((v) => v.bad) ?? false);
}

function Node({ id, kind, of }: { id: string; kind: PipelineComponent['kind']; of: Map<string, PipelineComponent> }) {
  const c = of.get(`${kind} ${id}`) ?? of.get(`connector ${id}`);
  const bad = isBad(c);
  const joins = c?.kind === 'connector';
  return (
    <div class={`node${bad ? ' bad' : ''}${joins ? ' joins' : ''}`} role="group" aria-label={`${c?.kind ?? kind} ${visible(id)}${bad ? ', worth a look' : ''}`}>
      <div class="node-name mono">
        {bad && (
          <span class="bad-mark" aria-hidden="true">
            !
          </span>
        )}
        {visible(id)}
        {joins && <span class="faint"> {kind === 'exporter' ? '→' : '←'} connector</span>}
      </div>
      {c && (c.in !== undefined || c.out !== undefined || c.failed !== undefined) && (
        <div class="node-rates num">
          {c.in !== undefined && (
            <span>
              <span class="faint">in</span> {rateText(c.in)}
            </span>
          )}
          {c.out !== undefined && (
            <span>
              <span class="faint">out</span> {rateText(c.out)}
            </span>
          )}
          {c.failed !== undefined && (
            <span class={c.failed > 0 ? 'bad-text' : ''}>
              <span class={c.failed > 0 ? '' : 'faint'}>failed</span> {rateText(c.failed)}
            </span>
          )}
        </div>
      )}
      {c && c.values.length > 0 && (
        <dl class="node-values num">
          {c.values.map((v, i) => (
            <div key={i} class={v.bad ? 'bad-text' : ''}>
              <dt>
                {v.bad ? '! ' : ''}
                {visible(v.name)}
                {telling(v, c.values)}
              </dt>
              <dd>{measure(v.value, v.unit)}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}

function Stage({ ids, kind, of }: { ids: string[]; kind: PipelineComponent['kind']; of: Map<string, PipelineComponent> }) {
  return (
    <ul class={`stage ${kind}`} aria-label={`${kind}s`}>
      {ids.map((id) => (
        <li key={id}>
          <Node id={id} kind={kind} of={of} />
        </li>
      ))}
    </ul>
  );
}

export function PipelineView() {
  const health = useSignal<Pipeline | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  useEffect(() => {
    const control = new AbortController();
    const load = () =>
      ask<Pipeline>('pipeline', {}, control.signal).then(
        (p) => ((health.value = p), (problem.value = undefined)),
        (wrong: unknown) => {
          if (!control.signal.aborted) problem.value = wrong instanceof Problem ? wrong : new Problem(String(wrong), 0);
        },
      );
    void load();
    const timer = setInterval(() => !document.hidden && void load(), 3000);
    return () => {
      control.abort();
      clearInterval(timer);
    };
  }, []);

  const p = health.value;
  const s = status.value;
  const of = new Map(p?.components.map((c) => [`${c.kind} ${c.id}`, c]) ?? []);
  const bad = p?.components.filter(isBad) ?? [];
  const extensions = p?.components.filter((c) => c.kind === 'extension') ?? [];
  return (
    <main class="health" aria-label="Pipelines" tabIndex={0}>
      <header class="health-head">
        <h1>Pipelines</h1>
        <p class="facts num">
          {p?.at && <span>read {clock(Date.parse(p.at), utc.value, 's')}</span>}
          {p && (bad.length > 0 ? <b class="bad-text">worth a look: {bad.map((c) => visible(c.id)).join(', ')}</b> : p.at ? <span>nothing stands out</span> : null)}
        </p>
      </header>
      {problem.value && (
        <p class="problem" role="alert">
          {visible(problem.value.message)}. {visible(problem.value.detail)}
        </p>
      )}
      {p?.problem && <p class="problem">{visible(p.problem)}</p>}
      {s && (
        <section class="store" aria-label="What the viewer holds">
          <dl class="num">
            <div>
              <dt>records</dt>
              <dd>{whole(s.store.records)}</dd>
            </div>
            <div>
              <dt>spans</dt>
              <dd>{whole(s.store.spans)}</dd>
            </div>
            <div>
              <dt>series</dt>
              <dd>{whole(s.store.series)}</dd>
            </div>
            <div>
              <dt>on disk</dt>
              <dd>
                {bytes(s.store.bytes)} <span class="faint">of {bytes(s.store.max_bytes)}</span>
              </dd>
            </div>
            {s.store.oldest && (
              <div>
                <dt>since</dt>
                <dd>
                  {day(Date.parse(s.store.oldest), utc.value)} {clock(Date.parse(s.store.oldest), utc.value, 's')}
                </dd>
              </div>
            )}
            <div>
              <dt>received</dt>
              <dd>{whole(s.received)}</dd>
            </div>
            <div class={s.left_out > 0 ? 'bad-text' : ''}>
              <dt>left out by the viewer</dt>
              <dd>{whole(s.left_out)}</dd>
            </div>
          </dl>
          {s.damaged && s.damaged.length > 0 && <p class="problem">Could not be read: {visible(s.damaged.join(', '))}</p>}
        </section>
      )}
      {!p && !problem.value && <p class="faint">Looking…</p>}
      {p?.pipelines.map((line) => (
        <section class="pipeline" key={line.id} aria-label={`Pipeline ${visible(line.id)}`}>
          <h2 class="mono">{visible(line.id)}</h2>
          <div class="flow">
            <Stage ids={line.receivers} kind="receiver" of={of} />
            {line.processors.length > 0 && <Stage ids={line.processors} kind="processor" of={of} />}
            <Stage ids={line.exporters} kind="exporter" of={of} />
          </div>
        </section>
      ))}
      {extensions.length > 0 && (
        <section class="pipeline" aria-label="Extensions">
          <h2>extensions</h2>
          <div class="flow loose">
            {extensions.map((c) => (
              <Node key={c.id} id={c.id} kind="extension" of={of} />
            ))}
          </div>
        </section>
      )}
    </main>
  );
}

// The most frequent values of fields, to narrow the query by.

import { facets, go, queryProblem, route } from './state.ts';
import { has, narrow, term, widen } from './query.ts';
import { compact, whole } from './time.ts';
import { ending, preview, visible } from './text.ts';

export function Facets() {
  const f = facets.value.value;
  const query = route.value.query;
  return (
    <nav class="facets" aria-label="Frequent values" tabIndex={0}>
      {f?.facets.map((facet) => {
        const most = Math.max(1, ...facet.values.map((v) => v.count));
        return (
          <section key={facet.field} aria-label={visible(facet.field)}>
            <h3 class="mono">{visible(facet.field)}</h3>
            <ul>
              {facet.values.map((v) => {
                const wanted = term(facet.field, v.value);
                const only = has(query, wanted);
                return (
                  <li key={v.value} class={`facet ${facet.field === 'level' ? v.value : ''}`}>
                    <button class="facet-value" aria-pressed={only} title={visible(wanted)} onClick={() => go({ query: only ? widen(query, wanted) : narrow(query, wanted), record: '' })}>
                      <i class="facet-bar" aria-hidden="true" style={{ width: `${(v.count / most) * 100}%` }} />
                      <span class="facet-name">{v.value === '' ? '(empty)' : ending(v.value, 20)}</span>
                      <span class="num faint">{compact(v.count)}</span>
                    </button>
                    <button class="plain small exclude" aria-label={`Without ${visible(facet.field)} ${preview(v.value, 60)}`} title="Without this value" onClick={() => go({ query: narrow(query, `-${wanted}`), record: '' })}>
                      −
                    </button>
                  </li>
                );
              })}
              {facet.others > 0 && <li class="faint others">{compact(facet.others)} with other values</li>}
            </ul>
          </section>
        );
      })}
      {f && !f.complete && <p class="faint">Of the newest {whole(f.counted)}</p>}
      {f && f.facets.length === 0 && <p class="faint">Nothing to count here</p>}
      {facets.value.problem && !queryProblem.value && <p class="problem">{visible(facets.value.problem.message)}</p>}
    </nav>
  );
}

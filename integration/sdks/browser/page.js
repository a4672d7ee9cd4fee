// A page that buys in the shop, and tells the server it came from how that went.
import { trace, SpanKind } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { fetchWithin, newRequest, start } from './snippet.js';

const { collector, shop, service, token } = Object.fromEntries(new URLSearchParams(location.search));

async function buy(told) {
  const { traces, logs } = start(collector, service, { authorization: `Bearer ${token}` });
  const logger = logs.getLogger('page');
  const request = newRequest();
  told.id = request.id;
  const span = traces.getTracer('page').startSpan('buy', { kind: SpanKind.CLIENT, attributes: { 'request.id': request.id } }, request.context);
  request.context = trace.setSpan(request.context, span);
  told.trace = span.spanContext().traceId;
  const log = (body, more) => logger.emit({ severityNumber: SeverityNumber.INFO, severityText: 'INFO', body, context: request.context, ...more });

  log('a click', { attributes: { 'user_agent.original': navigator.userAgent, greeting: 'grüße 日本語 🚀', password: 'hunter2-correct-horse' } });
  try {
    const [item] = await (await fetchWithin(request, `${shop}/catalogue`)).json();
    const answer = await fetchWithin(request, `${shop}/orders`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ sku: item.sku, quantity: 1, customer: { id: 'c-1', email: 'jane.doe@example.com' } }),
    });
    told.status = answer.status;
    told.echoed = answer.headers.get('X-Request-ID');
    log('the shop has answered', { attributes: { 'http.response.status_code': answer.status, items: 1 } });
    undefined.price; // as pages do
  } catch (exception) {
    told.exception = exception.message;
    log('the page has failed', { severityNumber: SeverityNumber.ERROR, severityText: 'ERROR', exception });
  }
  span.end();
  await Promise.allSettled([logs.forceFlush(), traces.forceFlush()]);
}

const told = {};
buy(told)
  .catch(failure => { told.failure = String(failure); })
  .then(() => fetch('/told', { method: 'POST', body: JSON.stringify(told) }));

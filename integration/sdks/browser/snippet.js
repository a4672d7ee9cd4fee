// npm install @opentelemetry/{api,api-logs,core,resources,sdk-logs,sdk-trace-web,exporter-logs-otlp-http,exporter-trace-otlp-http}
import { context, propagation } from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, WebTracerProvider } from '@opentelemetry/sdk-trace-web';

const copyRequestID = { // of the baggage
  onEmit: (record, context) => record.setAttribute('request.id', propagation.getBaggage(context)?.getEntry('request.id')?.value),
  forceFlush: async () => {},
  shutdown: async () => {},
};

export function start(collector, service, headers) {
  const resource = resourceFromAttributes({ 'service.name': service });
  const traces = new WebTracerProvider({
    resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${collector}/v1/traces`, headers }))],
  });
  traces.register({
    propagator: new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  });
  const logs = new LoggerProvider({
    resource, processors: [copyRequestID, new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${collector}/v1/logs`, headers }) })],
  });
  return { traces, logs };
}

// A context for what one click begins. The browser keeps none across await: hand it on.
export function newRequest() {
  const id = crypto.randomUUID();
  const bag = propagation.createBaggage({ 'request.id': { value: id } });
  return { id, context: propagation.setBaggage(context.active(), bag) };
}

// fetch with the id in X-Request-ID, and traceparent and baggage.
export function fetchWithin(request, url, options = {}) {
  const headers = { ...options.headers, 'X-Request-ID': request.id };
  propagation.inject(request.context, headers);
  return fetch(url, { ...options, headers });
}

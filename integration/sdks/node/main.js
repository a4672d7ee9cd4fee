// Logs, traces and counts the scenario of ../README.md with OpenTelemetry's SDK for Node.
//
// main.js RUN...            the scenario, once for each run
// main.js serve PORT RUN    the third of the three services of the chain
//
// A run is one argument: words such as protocol=grpc.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const { Writable } = require('node:stream');
const { context, propagation, trace, SpanKind, SpanStatusCode } = require('@opentelemetry/api');
const { logs } = require('@opentelemetry/api-logs');
const { BaggageLogRecordProcessor } = require('@opentelemetry/baggage-log-record-processor');
const { BaggageSpanProcessor } = require('@opentelemetry/baggage-span-processor');
const { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } = require('@opentelemetry/core');
const { PinoInstrumentation } = require('@opentelemetry/instrumentation-pino');
const { defaultResource, resourceFromAttributes } = require('@opentelemetry/resources');
const { BatchLogRecordProcessor, LoggerProvider } = require('@opentelemetry/sdk-logs');
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');

new PinoInstrumentation(); // before pino is loaded
const pino = require('pino');
const winston = require('winston');
const { OpenTelemetryTransportV3 } = require('@opentelemetry/winston-transport');

const secret = 'hunter2-correct-horse';
const payload = 'heartwood.......'.repeat((64 << 10) / 16);
const isRequestID = key => key === 'request.id';
const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });

function exporters(run) {
  const form = { grpc: 'grpc', 'http/protobuf': 'proto', 'http/json': 'http' }[run.protocol];
  const from = signal => require(`@opentelemetry/exporter-${signal}-otlp-${form}`);
  const kinds = [
    ['logs', from('logs').OTLPLogExporter],
    ['traces', from('trace').OTLPTraceExporter],
    ['metrics', from('metrics').OTLPMetricExporter],
  ];
  const compression = run.gzip ? 'gzip' : 'none';
  const ca = run.ca && fs.readFileSync(run.ca);
  if (form === 'grpc') {
    const grpc = require('@grpc/grpc-js');
    const metadata = new grpc.Metadata();
    if (run.token) metadata.set('authorization', `Bearer ${run.token}`);
    const credentials = ca ? grpc.credentials.createSsl(ca) : grpc.credentials.createInsecure();
    return kinds.map(([, Exporter]) => new Exporter({ url: run.endpoint, compression, metadata, credentials }));
  }
  const headers = run.token ? { authorization: `Bearer ${run.token}` } : {};
  return kinds.map(([signal, Exporter]) =>
    new Exporter({ url: `${run.endpoint}/v1/${signal}`, compression, headers, httpAgentOptions: ca ? { ca } : {} }));
}

// start makes the providers of a run, and registers what loggers look for globally.
function start(run) {
  const [toLogs, toTraces, toMetrics] = exporters(run);
  const resource = defaultResource().merge(resourceFromAttributes({
    'service.name': run.service, 'service.instance.id': run.instance,
    'service.version': '1.2.3', 'deployment.environment.name': 'test',
  }));
  const providers = {
    logs: new LoggerProvider({
      resource, processors: [new BaggageLogRecordProcessor(isRequestID), new BatchLogRecordProcessor({ exporter: toLogs })],
    }),
    traces: new NodeTracerProvider({
      resource, spanProcessors: [new BaggageSpanProcessor(isRequestID), new BatchSpanProcessor(toTraces)],
    }),
    metrics: new MeterProvider({ resource, readers: [new PeriodicExportingMetricReader({ exporter: toMetrics })] }),
  };
  logs.disable();
  logs.setGlobalLoggerProvider(providers.logs);
  return {
    ...providers,
    shutdown: () => Promise.allSettled([providers.logs.shutdown(), providers.traces.shutdown(), providers.metrics.shutdown()]),
  };
}

const order = () => ({
  order_id: 'o-17', items: 3, price: 99.99, paid: true, tags: ['new', 'fragile'],
  customer: { name: 'Zoë Müller', address: { city: 'Zürich' } }, password: secret,
});
const declined = () => new RangeError('card declined', { cause: new Error('gateway timeout: 30 s') });

const loggers = {
  pino() {
    const log = pino({ level: 'debug' }, nowhere);
    return { debug: m => log.debug(m), warn: m => log.warn(m), info: (m, fields) => log.info(fields ?? {}, m), error: (m, err) => log.error(err ? { err } : {}, m) };
  },
  winston() {
    const log = winston.createLogger({ level: 'debug', transports: [new OpenTelemetryTransportV3()] });
    return { debug: m => log.debug(m), warn: m => log.warn(m), info: (m, fields) => log.info(m, fields), error: (m, err) => err ? log.error(m, { err }) : log.error(m) };
  },
};

async function scenario(run) {
  const sdk = start(run);
  const log = loggers[run.bridge]();
  const tracer = sdk.traces.getTracer('shop.checkout');
  const meter = sdk.metrics.getMeter('shop.checkout');
  const inside = propagation.setBaggage(context.active(), propagation.createBaggage({ 'request.id': { value: run.request } }));
  context.with(inside, () => tracer.startActiveSpan('checkout', span => {
    span.setAttribute('db.password', secret);
    log.debug('a debug message');
    log.info('an info message');
    log.warn('a warning message');
    log.error('an error message');
    log.info('order placed', order());
    log.info('card 4111 1111 1111 1111 of jane.doe@example.com');
    log.info('grüße äöü 日本語 🚀', { town: '東京 Zürich 🏙' });
    log.info('large', { payload });
    log.error('payment failed', declined());
    tracer.startActiveSpan('charge', charge => {
      charge.recordException(declined());
      charge.setStatus({ code: SpanStatusCode.ERROR, message: 'card declined' });
      charge.end();
    });
    meter.createCounter('shop.orders').add(3, { payment: 'card', api_key: secret });
    const durations = meter.createHistogram('shop.order.duration', { unit: 's' });
    for (const seconds of [0.05, 0.3, 1.7]) durations.record(seconds);
    span.end();
  }));
  log.info('the end');
  await sdk.shutdown();
}

function serve(port, run) {
  const sdk = start(run);
  const log = loggers[run.bridge]();
  const tracer = sdk.traces.getTracer('chain');
  const server = http.createServer((request, response) => {
    const inside = propagation.extract(context.active(), request.headers);
    context.with(inside, () => tracer.startActiveSpan('GET /third', { kind: SpanKind.SERVER }, async span => {
      log.error('third has failed', declined());
      span.end();
      response.writeHead(502).end();
      server.close();
      await sdk.shutdown();
    }));
  });
  server.listen(port, '127.0.0.1', () => console.log('ready'));
}

const parse = text => Object.fromEntries(text.split(' ').map(word => word.split(/=(.*)/s, 2)));

(async () => {
  const [first, ...rest] = process.argv.slice(2);
  const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }));
  if (first === 'serve') return serve(Number(rest[0]), parse(rest[1]));
  for (const argument of [first, ...rest]) await scenario(parse(argument));
})();

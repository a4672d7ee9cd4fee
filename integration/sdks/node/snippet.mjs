// npm install @opentelemetry/{api,api-logs,context-async-hooks,sdk-logs,resources,exporter-logs-otlp-proto,baggage-log-record-processor,winston-transport} winston
import { context, propagation } from '@opentelemetry/api';
import { logs } from '@opentelemetry/api-logs';
import { BaggageLogRecordProcessor } from '@opentelemetry/baggage-log-record-processor';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, BatchLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { OpenTelemetryTransportV3 } from '@opentelemetry/winston-transport';
import winston from 'winston';

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ 'service.name': 'billing' }),
  processors: [
    new BaggageLogRecordProcessor(key => key === 'request.id'), // before the batch processor
    new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() }), // to OTEL_EXPORTER_OTLP_ENDPOINT
  ],
});
logs.setGlobalLoggerProvider(provider);
const log = winston.createLogger({ transports: [new OpenTelemetryTransportV3()] });

// In a handler the baggage is the request's own: propagation.extract has read it.
const bag = propagation.createBaggage({ 'request.id': { value: 'a1b2' } });
context.with(propagation.setBaggage(context.active(), bag), () => {
  log.info('invoice sent', { amount: 12.5 });
});
await provider.shutdown();

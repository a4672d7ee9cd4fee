# pip install opentelemetry-exporter-otlp-proto-http opentelemetry-instrumentation-logging opentelemetry-processor-baggage
import logging
from opentelemetry import baggage, context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.processor.baggage import BaggageLogProcessor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

provider = LoggerProvider(Resource.create({"service.name": "billing"}))
provider.add_log_record_processor(BaggageLogProcessor(lambda key: key == "request.id"))  # before the batch processor
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))  # to OTEL_EXPORTER_OTLP_ENDPOINT
log = logging.getLogger("billing")
log.setLevel(logging.INFO)
log.addHandler(LoggingHandler(logger_provider=provider))

# In a handler the baggage is the request's own: propagate.extract(headers) has read it.
context.attach(baggage.set_baggage("request.id", "a1b2"))
log.info("invoice sent", extra={"amount": 12.5})
provider.shutdown()

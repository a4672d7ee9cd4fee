"""Logs, traces and counts the scenario of ../README.md with OpenTelemetry's SDK for Python.

main.py RUN...               the scenario, once for each run
main.py serve PORT URL RUN   the second of the three services of the chain, which asks the third

A run is one argument: words such as protocol=grpc.
"""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from opentelemetry import baggage, context, propagate, trace
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.processor.baggage import BaggageLogProcessor, BaggageSpanProcessor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

SECRET = "hunter2-correct-horse"
PAYLOAD = "heartwood......." * (64 * 1024 // 16)


def is_request_id(key):
    return key == "request.id"


def exporters(run):
    """Exporters of logs, spans and metrics."""
    headers = {"authorization": f"Bearer {run['token']}"} if run["token"] else {}
    gzip = run["gzip"] == "true"
    if run["protocol"] == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        options = {
            "endpoint": run["endpoint"],
            "headers": headers,
            "compression": grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression,
        }
        if run["ca"]:
            with open(run["ca"], "rb") as ca:
                options["credentials"] = grpc.ssl_channel_credentials(ca.read())
        else:
            options["insecure"] = True
        return [each(**options) for each in (OTLPLogExporter, OTLPSpanExporter, OTLPMetricExporter)]
    if run["protocol"] == "http/json":
        from opentelemetry.exporter.otlp.common.http import Compression
        from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.json.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    options = {"headers": headers}
    if gzip:
        options["compression"] = Compression("gzip")
    if run["ca"]:
        options["certificate_file"] = run["ca"]
    return [
        each(endpoint=f"{run['endpoint']}/v1/{signal}", **options)
        for each, signal in ((OTLPLogExporter, "logs"), (OTLPSpanExporter, "traces"), (OTLPMetricExporter, "metrics"))
    ]


class Telemetry:
    """The providers of a run, and a logger that has its bridge as its only handler."""

    def __init__(self, run):
        to_logs, to_traces, to_metrics = exporters(run)
        resource = Resource.create(
            {
                "service.name": run["service"],
                "service.instance.id": run["instance"],
                "service.version": "1.2.3",
                "deployment.environment.name": "test",
            }
        )
        self.logs = LoggerProvider(resource)
        self.logs.add_log_record_processor(BaggageLogProcessor(is_request_id))
        self.logs.add_log_record_processor(BatchLogRecordProcessor(to_logs))
        self.traces = TracerProvider(resource=resource)
        self.traces.add_span_processor(BaggageSpanProcessor(is_request_id))
        self.traces.add_span_processor(BatchSpanProcessor(to_traces))
        self.metrics = MeterProvider([PeriodicExportingMetricReader(to_metrics)], resource)
        self.log = logging.getLogger("shop.checkout")
        self.log.setLevel(logging.DEBUG)
        self.log.propagate = False
        self.log.handlers = [LoggingHandler(logger_provider=self.logs)]

    def shutdown(self):
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda each: each.shutdown(), (self.logs, self.traces, self.metrics)))


def decline():
    try:
        raise TimeoutError("gateway timeout: 30 s")
    except TimeoutError as cause:
        raise RuntimeError("card declined") from cause


def scenario(run):
    telemetry = Telemetry(run)
    log = telemetry.log
    tracer = telemetry.traces.get_tracer("shop.checkout")
    meter = telemetry.metrics.get_meter("shop.checkout")
    token = context.attach(baggage.set_baggage("request.id", run["request"]))
    with tracer.start_as_current_span("checkout") as span:
        span.set_attribute("db.password", SECRET)
        log.debug("a debug message")
        log.info("an info message")
        log.warning("a warning message")
        log.error("an error message")
        order = {
            "order_id": "o-17",
            "items": 3,
            "price": 99.99,
            "paid": True,
            "tags": ["new", "fragile"],
            "customer": {"name": "Zoë Müller", "address": {"city": "Zürich"}},
            "password": SECRET,
        }
        log.info("order placed", extra=order)
        log.info("card 4111 1111 1111 1111 of jane.doe@example.com")
        log.info("grüße äöü 日本語 🚀", extra={"town": "東京 Zürich 🏙"})
        log.info("large", extra={"payload": PAYLOAD})
        try:
            decline()
        except RuntimeError:
            log.exception("payment failed")
        with tracer.start_as_current_span("charge") as charge:
            charge.record_exception(RuntimeError("card declined"))
            charge.set_status(Status(StatusCode.ERROR, "card declined"))
        meter.create_counter("shop.orders").add(3, {"payment": "card", "api_key": SECRET})
        durations = meter.create_histogram("shop.order.duration", unit="s")
        for seconds in (0.05, 0.3, 1.7):
            durations.record(seconds)
    context.detach(token)
    log.info("the end")
    telemetry.shutdown()


def serve(port, following, run):
    telemetry = Telemetry(run)
    tracer = telemetry.traces.get_tracer("chain")

    class Second(BaseHTTPRequestHandler):
        def do_GET(self):
            token = context.attach(propagate.extract(self.headers))
            with tracer.start_as_current_span("GET /second", kind=SpanKind.SERVER):
                telemetry.log.info("second asks third")
                headers = {}
                propagate.inject(headers)
                try:
                    status = urlopen(Request(following, headers=headers)).status
                except HTTPError as error:
                    status = error.code
                telemetry.log.info("third has answered %d", status)
            context.detach(token)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", port), Second) as server:
        print("ready", flush=True)
        server.handle_request()
    telemetry.shutdown()


def parse(text):
    names = ("bridge", "protocol", "endpoint", "gzip", "token", "ca", "service", "instance", "request")
    return dict.fromkeys(names, "") | dict(word.split("=", 1) for word in text.split())


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]), sys.argv[3], parse(sys.argv[4]))
else:
    for argument in sys.argv[1:]:
        scenario(parse(argument))

"""The standard library's logging: text layouts, and formatters from PyPI."""

import logging
import sys

import ecs_logging
import scenario
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from pythonjsonlogger.json import JsonFormatter


class RequestFilter(logging.Filter):
    """Gives each record the request id of its context."""

    def filter(self, record):
        if scenario.request_id.get():
            record.request_id = scenario.request_id.get()
        return True


class TraceFilter(logging.Filter):
    """Gives each record the names that Elastic's agent would."""

    def filter(self, record):
        if span := scenario.current_span():
            setattr(record, "trace.id", span[0])
            setattr(record, "span.id", span[1])
        return True


def run(formatter, *filters):
    handler = logging.StreamHandler(sys.stdout)
    if formatter:
        handler.setFormatter(formatter)
    handler.addFilter(RequestFilter())
    for each in filters:
        handler.addFilter(each)
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])
    log()


def log():
    logging.addLevelName(scenario.SUCCESS, "SUCCESS")
    logger = logging.getLogger("shop.checkout")
    logger.debug("a debug message")
    logger.info("an info message")
    logger.log(scenario.SUCCESS, "a success message")
    logger.warning("a warning message")
    logger.error("an error message")
    logger.critical("a critical message")
    logger.info("order placed", extra=scenario.FIELDS)
    logger.info(scenario.UNICODE)
    logger.info(scenario.LINES)
    with scenario.request():
        logger.info("request handled")
    try:
        scenario.pay()
    except scenario.PaymentError:
        logger.exception("payment failed")
    logger.info("the end")


def basic():
    """What basicConfig() makes: level:name:message, no time."""
    run(None)


def default():
    run(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))


def levels():
    run(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))


def pipe():
    layout = "%(asctime)s | %(levelname)-8s | [%(filename)s:%(lineno)d] | %(message)s"
    run(logging.Formatter(layout, datefmt="%Y-%m-%d %H:%M:%S"))


def json():
    """With the names of OpenTelemetry's instrumentation in each record."""
    LoggingInstrumentor().instrument(inject_trace_context=True)
    run(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))


def json_renamed():
    run(
        JsonFormatter(
            "%(levelname)s %(name)s %(message)s %(process)d %(pathname)s %(lineno)d %(funcName)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
            json_ensure_ascii=False,
        )
    )


def ecs():
    run(ecs_logging.StdlibFormatter(), TraceFilter())

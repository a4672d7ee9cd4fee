"""loguru: its text and its serialize option."""

import sys

import scenario
from loguru import logger


def run(**options):
    logger.remove()
    logger.add(sys.stdout, level="TRACE", **options)
    logger.configure(patcher=add_span)
    log()


def add_span(record):
    if span := scenario.current_span():
        record["extra"]["trace_id"], record["extra"]["span_id"] = span


def log():
    logger.trace("a trace message")
    logger.debug("a debug message")
    logger.info("an info message")
    logger.success("a success message")
    logger.warning("a warning message")
    logger.error("an error message")
    logger.critical("a critical message")
    logger.bind(**scenario.FIELDS).info("order placed")
    logger.info(scenario.UNICODE)
    logger.info(scenario.LINES)
    with scenario.request(), logger.contextualize(request_id=scenario.REQUEST_ID):
        logger.info("request handled")
    try:
        scenario.pay()
    except scenario.PaymentError:
        logger.exception("payment failed")
    logger.info("the end")


def serialize():
    run(serialize=True)


def text():
    run()

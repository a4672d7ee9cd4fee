"""structlog: as JSON of its own, over the standard library, for the console."""

import logging
import sys

import ecs_logging
import scenario
import structlog


def add_span(_, __, event):
    if span := scenario.current_span():
        event["span"] = {"trace_id": span[0], "span_id": span[1]}
    return event


def add_flat_span(_, __, event):
    if span := scenario.current_span():
        event["trace_id"], event["span_id"] = span
    return event


def log(logger, standard=None):
    logger.debug("a debug message")
    logger.info("an info message")
    if standard:
        standard.log(scenario.SUCCESS, "a success message")
    logger.warning("a warning message")
    logger.error("an error message")
    logger.critical("a critical message")
    logger.info("order placed", **scenario.FIELDS)
    logger.info(scenario.UNICODE)
    logger.info(scenario.LINES)
    with scenario.request():
        structlog.contextvars.bind_contextvars(request_id=scenario.REQUEST_ID)
        logger.info("request handled")
        structlog.contextvars.clear_contextvars()
    try:
        scenario.pay()
    except scenario.PaymentError:
        logger.exception("payment failed")
    logger.info("the end")


def json():
    """ISO time, exceptions as lists of frames."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_span,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ]
    )
    log(structlog.get_logger().bind(logger="shop.checkout"))


def ecs():
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            ecs_logging.StructlogFormatter(),
        ]
    )
    log(structlog.get_logger())


def stdlib():
    """Over the standard library, whose own records take the same way; Unix time."""
    shared = [
        structlog.contextvars.merge_contextvars,
        add_flat_span,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(),
        structlog.processors.CallsiteParameterAdder(
            [
                structlog.processors.CallsiteParameter.PATHNAME,
                structlog.processors.CallsiteParameter.FUNC_NAME,
                structlog.processors.CallsiteParameter.LINENO,
            ]
        ),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.addLevelName(scenario.SUCCESS, "SUCCESS")
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level_number,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    log(structlog.get_logger("shop.checkout"), logging.getLogger("shop.checkout"))


def console():
    """What structlog prints when nothing is configured."""
    log(structlog.get_logger())

"""ecs_logging alone: what integration/ecs_libraries_test.go sends through the collector and back."""

import logging
import sys

import ecs_logging
import scenario
import structlog

# Fields of ECS, with points and nested, and fields that it does not have.
ORDER = {
    "labels": {"order_id": "A-17", "priority": 2, "ratio": 0.25, "express": True},
    "tags": ["new", "gift"],
    "event.action": "order-placed",
    "event.duration": 1500000,
    "user": {"id": "u-7", "name": "jörg"},
    "order": {"items": 3, "price": 99.99, "paid": True, "address": {"city": "Zürich"}},
    "attempts": 2,
    "total": 120.0,
}

REQUEST = {
    "trace.id": scenario.TRACE_ID,
    "transaction.id": scenario.SPAN_ID,
    "span.id": "b9c7c989f97918e1",
    "http": {
        "version": "1.1",
        "request": {"method": "get", "id": scenario.REQUEST_ID},
        "response": {"status_code": 200, "body": {"bytes": 512}},
    },
    "url.path": "/cart",
    "client": {"ip": "203.0.113.9", "port": 51234},
}

TRANSACTION = {"trace.id": scenario.TRACE_ID, "transaction.id": scenario.SPAN_ID}


def stdlib():
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        ecs_logging.StdlibFormatter(
            extra={
                "service.name": "shop",
                "service.version": "1.4.2",
                "service.environment": "test",
                "service.node.name": "shop-1",
                "event.dataset": "shop.log",
            }
        )
    )
    logging.addLevelName(scenario.SUCCESS, "SUCCESS")
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])
    logger = logging.getLogger("shop.checkout")
    logger.debug("a debug message")
    logger.info("an info message")
    logger.log(scenario.SUCCESS, "a success message")
    logger.warning("a warning message")
    logger.error("an error message")
    logger.critical("a critical message")
    logger.info("order placed", extra=ORDER)
    logger.info(scenario.UNICODE)
    logger.info(scenario.LINES)
    logger.info("request handled", extra=REQUEST)
    logger.info("in a transaction", extra=TRANSACTION)
    try:
        scenario.pay()
    except scenario.PaymentError:
        logger.exception("payment failed")
    logger.warning("where we are", stack_info=True)
    logger.info("the end")


def with_structlog():
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            ecs_logging.StructlogFormatter(),
        ]
    )
    logger = structlog.get_logger()
    logger.debug("a debug message")
    logger.info("an info message")
    logger.warning("a warning message")
    logger.error("an error message")
    logger.critical("a critical message")
    logger.info("order placed", coupon=None, **ORDER)
    logger.info(scenario.UNICODE)
    logger.info(scenario.LINES)
    logger.info("request handled", **REQUEST)
    logger.info("in a transaction", **TRANSACTION)
    try:
        scenario.pay()
    except scenario.PaymentError:
        logger.exception("payment failed")
    logger.info("the end")

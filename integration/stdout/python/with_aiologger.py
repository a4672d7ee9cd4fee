"""aiologger: its JSON logger and its text."""

import asyncio

import scenario
from aiologger import Logger
from aiologger.formatters.base import Formatter
from aiologger.loggers.json import JsonLogger
from aiologger.levels import LogLevel


async def log(logger, fields):
    await logger.debug("a debug message")
    await logger.info("an info message")
    await logger.warning("a warning message")
    await logger.error("an error message")
    await logger.critical("a critical message")
    await logger.info("order placed", **fields)
    await logger.info(scenario.UNICODE)
    await logger.info(scenario.LINES)
    try:
        scenario.pay()
    except scenario.PaymentError:
        await logger.exception("payment failed")
    await logger.info("the end")
    await logger.shutdown()


def json():
    async def main():
        logger = JsonLogger.with_default_handlers(
            name="shop.checkout", level=LogLevel.DEBUG
        )
        await log(logger, {"extra": scenario.FIELDS})

    asyncio.run(main())


def text():
    async def main():
        layout = "%(asctime)s %(levelname)s %(name)s %(message)s"
        logger = Logger.with_default_handlers(
            name="shop.checkout", level=LogLevel.DEBUG, formatter=Formatter(layout)
        )
        await log(logger, {})

    asyncio.run(main())

"""Writes the cases of cases.json with one logfmt writer: python writers.py NAME < cases.json"""
import json
import logging
import sys

cases = json.load(sys.stdin)


def with_logfmter():
    from logfmter import Logfmter

    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Logfmter())
    log = logging.getLogger("shop")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return lambda name, v: log.info("it happened", extra={"case": name, "v": v})


def with_structlog():
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    log = structlog.get_logger()
    return lambda name, v: log.info("it happened", case=name, v=v)


def with_logfmt():
    import logfmt

    return lambda name, v: print("".join(logfmt.format({"case": name, "v": v})))


write = {"logfmter": with_logfmter, "structlog": with_structlog, "logfmt": with_logfmt}[sys.argv[1]]()
for c in cases:
    try:
        write(c["name"], c["value"])
    except ValueError as err:
        print(c["name"], err, file=sys.stderr)

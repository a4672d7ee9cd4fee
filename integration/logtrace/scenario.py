"""What the LogTrace module writes for a scripted clock, as JSON lines: the settings, the
parts as the module saw them, and the line it made."""

import inspect
import json
import logging
import sys
import time

from logtrace import LogTrace

CLOCK = [0.0]
time.time = lambda: CLOCK[0]

MESSAGES = [
    ("num_items=9", 0.0),
    ("mean=171.0; ssd", 0.00005),
    ("", 0.1),
    ("unicode ƀ Ɓ \U0001f600", 0.00015),
    ("a\nb", 1.23456789),
    ("rounds", 2.00025),
    ("[brackets]", 59.99995),
    ("long " + "x" * 300, 3600.5),
]


def add(trace, message, parts):
    frame = inspect.currentframe()
    trace.add(message); line = frame.f_lineno  # noqa: E702, one line for both
    parts.append({"message": message, "line": line, "function": "add", "file": __file__, "elapsed": CLOCK[0]})


def main():
    logger = logging.getLogger("scenario")
    logger.setLevel(logging.INFO)
    for verbosity in ("v", "vv", "vvv"):
        for delimiter in ("; ", " | ", "\n"):
            for tag in ("", "STDDEV", "#order"):
                for uid in (None, "0f3c5a6e-1111-4222-8333-444455556666"):
                    CLOCK[0] = 0.0
                    trace = LogTrace(logger=logger, delimiter=delimiter, tag=tag, verbosity=verbosity, level=logging.INFO)
                    if uid:
                        trace.set_uid(uid)
                    parts = []
                    for message, at in MESSAGES:
                        CLOCK[0] = at
                        add(trace, message, parts)
                    json.dump({
                        "verbosity": verbosity, "delimiter": delimiter, "tag": tag, "uid": uid or "",
                        "parts": parts, "line": trace.emit_string(),
                    }, sys.stdout)
                    print()


main()

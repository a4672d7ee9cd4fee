"""python main.py <library> <format>: logs the scenario of ../README.md to stdout.

python main.py list names the libraries and formats, python main.py ecs list those
that log fields of ECS.
"""

import sys

import with_aiologger
import with_ecs
import with_logging
import with_loguru
import with_nothing
import with_structlog

PROGRAMS = {
    ("logging", "basic"): with_logging.basic,
    ("logging", "default"): with_logging.default,
    ("logging", "levels"): with_logging.levels,
    ("logging", "pipe"): with_logging.pipe,
    ("python-json-logger", "json"): with_logging.json,
    ("python-json-logger", "renamed"): with_logging.json_renamed,
    ("ecs-logging", "json"): with_logging.ecs,
    ("structlog", "json"): with_structlog.json,
    ("structlog", "ecs"): with_structlog.ecs,
    ("structlog", "stdlib"): with_structlog.stdlib,
    ("structlog", "console"): with_structlog.console,
    ("loguru", "json"): with_loguru.serialize,
    ("loguru", "text"): with_loguru.text,
    ("aiologger", "json"): with_aiologger.json,
    ("aiologger", "text"): with_aiologger.text,
    ("none", "crash"): with_nothing.crash,
}

ECS = {("ecs", "stdlib"): with_ecs.stdlib, ("ecs", "structlog"): with_ecs.with_structlog}

if __name__ == "__main__":
    if sys.argv[1:] == ["list"]:
        print("\n".join(" ".join(name) for name in PROGRAMS))
    elif sys.argv[1:] == ["ecs", "list"]:
        print("\n".join(" ".join(name) for name in ECS))
    elif program := (PROGRAMS | ECS).get(tuple(sys.argv[1:])):
        program()
    else:
        sys.exit("usage: main.py list | main.py <library> <format>")

"""No library: what the interpreter prints for an exception that nobody catches."""

import scenario


def crash():
    print("the beginning", flush=True)
    scenario.pay()

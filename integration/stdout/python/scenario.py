"""What every program of this folder logs; ../README.md has it as a table."""

import contextvars
from contextlib import contextmanager

from opentelemetry import context, trace

SUCCESS = 25
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
REQUEST_ID = "req-7f3a91"

UNICODE = "grüße äöü 日本語 🚀"
LINES = 'first line\nsecond "quoted" line\n\tthird \\ line'

FIELDS = {
    "order_id": "A-17",
    "items": 3,
    "price": 99.99,
    "paid": True,
    "coupon": None,
    "tags": ["new", "gift"],
    "customer": {"id": 7, "address": {"city": "Zürich"}},
}

request_id = contextvars.ContextVar("request_id", default=None)


class PaymentError(Exception):
    """The exception that is logged; its cause is a ConnectionError."""


PaymentError.__module__ = "shop"


def call_gateway():
    raise ConnectionError("gateway timeout: 30 s")


def pay():
    try:
        call_gateway()
    except ConnectionError as cause:
        raise PaymentError("card declined") from cause


@contextmanager
def request():
    """One request: its id in a contextvar, its span in OpenTelemetry's context."""
    span = trace.NonRecordingSpan(
        trace.SpanContext(
            int(TRACE_ID, 16), int(SPAN_ID, 16), False, trace.TraceFlags(1)
        )
    )
    id_token = request_id.set(REQUEST_ID)
    span_token = context.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        context.detach(span_token)
        request_id.reset(id_token)


def current_span():
    """The trace and span id in hex, or None outside of a request."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return None
    return format(found.trace_id, "032x"), format(found.span_id, "016x")

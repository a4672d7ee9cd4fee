//! tracing with the layouts of tracing-subscriber. All but `default` have colours off.

use crate::scenario::*;
use std::error::Error;
use tracing::{debug, error, info, info_span, trace, warn, Level};

fn log() {
    trace!(target: LOGGER, "a trace message");
    debug!(target: LOGGER, "a debug message");
    info!(target: LOGGER, "an info message");
    warn!(target: LOGGER, "a warning message");
    error!(target: LOGGER, "an error message");
    info!(
        target: LOGGER,
        order_id = "A-17",
        items = 3,
        price = 99.99,
        paid = true,
        coupon = None::<&str>,
        tags = ?["new", "gift"],
        customer.id = 7,
        customer.address.city = "Zürich",
        "order placed"
    );
    info!(target: LOGGER, "{UNICODE}");
    info!(target: LOGGER, "{LINES}");
    {
        let span = info_span!(
            "request",
            request_id = REQUEST_ID,
            trace_id = TRACE_ID,
            span_id = SPAN_ID
        );
        let _entered = span.enter();
        info!(target: LOGGER, "request handled");
    }
    if let Err(failure) = pay() {
        error!(
            target: LOGGER,
            error = &failure as &(dyn Error + 'static),
            "payment failed"
        );
    }
    info!(target: LOGGER, "the end");
}

fn builder() -> tracing_subscriber::fmt::SubscriberBuilder {
    tracing_subscriber::fmt().with_max_level(Level::TRACE)
}

pub fn json() {
    builder().json().init();
    log();
}

/// Fields beside time and level, the span's in a list, the place in the code.
pub fn flattened() {
    builder()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_file(true)
        .with_line_number(true)
        .with_thread_ids(true)
        .init();
    log();
}

pub fn full() {
    builder().with_ansi(false).init();
    log();
}

/// What `fmt::init()` prints, colours included although stdout is no terminal.
pub fn default() {
    builder().init();
    log();
}

pub fn pretty() {
    builder().with_ansi(false).pretty().init();
    log();
}

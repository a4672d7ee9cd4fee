//! env_logger, which writes to stderr unless told otherwise.

use crate::scenario::*;
use log::{debug, error, info, trace, warn};

pub fn text() {
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Trace)
        .target(env_logger::Target::Stdout)
        .init();
    trace!(target: LOGGER, "a trace message");
    debug!(target: LOGGER, "a debug message");
    info!(target: LOGGER, "an info message");
    warn!(target: LOGGER, "a warning message");
    error!(target: LOGGER, "an error message");
    info!(
        target: LOGGER,
        order_id = "A-17", items = 3, price = 99.99, paid = true, coupon:? = None::<&str>, tags:? = ["new", "gift"];
        "order placed"
    );
    info!(target: LOGGER, "{UNICODE}");
    info!(target: LOGGER, "{LINES}");
    info!(target: LOGGER, request_id = REQUEST_ID, trace_id = TRACE_ID, span_id = SPAN_ID; "request handled");
    if let Err(failure) = pay() {
        error!(target: LOGGER, error:err = failure; "payment failed");
    }
    info!(target: LOGGER, "the end");
}

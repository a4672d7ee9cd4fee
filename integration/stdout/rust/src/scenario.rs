//! What every program of this folder logs.

use std::error::Error;
use std::fmt;

pub const LOGGER: &str = "shop::checkout";
pub const UNICODE: &str = "grüße äöü 日本語 🚀";
pub const LINES: &str = "first line\nsecond \"quoted\" line\n\tthird \\ line";
pub const REQUEST_ID: &str = "req-7f3a91";
pub const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub const SPAN_ID: &str = "00f067aa0ba902b7";

#[derive(Debug)]
pub struct GatewayError;

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("gateway timeout: 30 s")
    }
}

impl Error for GatewayError {}

#[derive(Debug)]
pub struct PaymentError {
    cause: GatewayError,
}

impl fmt::Display for PaymentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("card declined")
    }
}

impl Error for PaymentError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

pub fn pay() -> Result<(), PaymentError> {
    Err(PaymentError {
        cause: GatewayError,
    })
}

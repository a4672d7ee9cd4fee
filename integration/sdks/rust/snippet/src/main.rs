// cargo add opentelemetry opentelemetry_sdk opentelemetry-otlp opentelemetry-appender-tracing tracing tracing-subscriber
use opentelemetry::baggage::BaggageExt;
use opentelemetry::{logs::LogRecord, Context, InstrumentationScope, KeyValue};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::LogExporter;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider};
use opentelemetry_sdk::Resource;
use tracing_subscriber::{filter::filter_fn, prelude::*};

#[derive(Debug)]
struct RequestId; // copies request.id of the baggage

impl LogProcessor for RequestId {
    fn emit(&self, record: &mut SdkLogRecord, _: &InstrumentationScope) {
        if let Some(id) = Context::current().baggage().get("request.id") {
            record.add_attribute("request.id", id.to_string());
        }
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = SdkLoggerProvider::builder()
        .with_resource(Resource::builder().with_service_name("billing").build())
        .with_log_processor(RequestId) // before the batch exporter
        .with_batch_exporter(LogExporter::builder().with_http().build()?) // to OTEL_EXPORTER_OTLP_ENDPOINT
        .build();
    let bridge = OpenTelemetryTracingBridge::new(&provider);
    tracing_subscriber::registry() // without what the SDK says of itself
        .with(bridge.with_filter(filter_fn(|event| !event.target().starts_with("opentelemetry"))))
        .init();

    // In a handler the baggage is the request's own: BaggagePropagator has read it.
    let request = Context::current_with_baggage([KeyValue::new("request.id", "a1b2")]).attach();
    tracing::info!(amount = 12.5, "invoice sent");
    drop(request);
    provider.shutdown()?;
    Ok(())
}

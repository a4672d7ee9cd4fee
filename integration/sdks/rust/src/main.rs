//! Logs, traces and counts the scenario of ../README.md with OpenTelemetry's SDK for Rust:
//!
//!     sdks RUN...    the scenario, once for each run
//!
//! A run is one argument: words such as protocol=grpc.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::logs::LogRecord;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanProcessor};
use tracing_subscriber::{filter::filter_fn, prelude::*};

type Failure = Box<dyn Error>;
type Run = HashMap<String, String>;

const SECRET: &str = "hunter2-correct-horse";

/// Copies request.id of the baggage to records and spans.
#[derive(Debug)]
struct RequestId;

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

impl SpanProcessor for RequestId {
    fn on_start(&self, span: &mut opentelemetry_sdk::trace::Span, cx: &Context) {
        if let Some(id) = cx.baggage().get("request.id") {
            span.set_attribute(KeyValue::new("request.id", id.to_string()));
        }
    }
    fn on_end(&self, _: SpanData) {}
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }
}

struct Exporters {
    logs: LogExporter,
    traces: SpanExporter,
    metrics: MetricExporter,
}

fn over_grpc(run: &Run) -> Result<Exporters, Failure> {
    macro_rules! exporter {
        ($kind:ident) => {{
            let mut builder = $kind::builder().with_tonic().with_endpoint(&run["endpoint"]);
            if let Some(token) = run.get("token") {
                let mut metadata = MetadataMap::new();
                metadata.insert("authorization", format!("Bearer {token}").parse()?);
                builder = builder.with_metadata(metadata);
            }
            if let Some(ca) = run.get("ca") {
                let ca = Certificate::from_pem(std::fs::read(ca)?);
                builder = builder.with_tls_config(ClientTlsConfig::new().ca_certificate(ca));
            }
            if run.contains_key("gzip") {
                builder = builder.with_compression(Compression::Gzip);
            }
            builder.build()?
        }};
    }
    Ok(Exporters { logs: exporter!(LogExporter), traces: exporter!(SpanExporter), metrics: exporter!(MetricExporter) })
}

fn over_http(run: &Run, protocol: Protocol) -> Result<Exporters, Failure> {
    macro_rules! exporter {
        ($kind:ident, $signal:literal) => {{
            let mut client = reqwest::blocking::Client::builder();
            if let Some(ca) = run.get("ca") {
                client = client.tls_certs_only([reqwest::Certificate::from_pem(&std::fs::read(ca)?)?]);
            }
            let mut builder = $kind::builder()
                .with_http()
                .with_protocol(protocol)
                .with_endpoint(format!("{}/v1/{}", run["endpoint"], $signal))
                .with_http_client(client.build()?);
            if let Some(token) = run.get("token") {
                builder = builder.with_headers([("authorization".to_string(), format!("Bearer {token}"))].into());
            }
            if run.contains_key("gzip") {
                builder = builder.with_compression(Compression::Gzip);
            }
            builder.build()?
        }};
    }
    Ok(Exporters {
        logs: exporter!(LogExporter, "logs"),
        traces: exporter!(SpanExporter, "traces"),
        metrics: exporter!(MetricExporter, "metrics"),
    })
}

#[derive(Debug)]
struct Declined(std::io::Error);

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "card declined")
    }
}

impl Error for Declined {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn declined() -> Declined {
    Declined(std::io::Error::other("gateway timeout: 30 s"))
}

/// A field of tracing is a number, a text or a boolean; lists and maps are what Debug makes of them.
fn log() {
    tracing::debug!("a debug message");
    tracing::info!("an info message");
    tracing::warn!("a warning message");
    tracing::error!("an error message");
    tracing::info!(
        order_id = "o-17",
        items = 3,
        price = 99.99,
        paid = true,
        tags = ?["new", "fragile"],
        password = SECRET,
        "order placed"
    );
    tracing::info!("card 4111 1111 1111 1111 of jane.doe@example.com");
    tracing::info!(town = "東京 Zürich 🏙", "grüße äöü 日本語 🚀");
    tracing::info!(payload = "heartwood.......".repeat((64 << 10) / 16), "large");
    tracing::error!(error = &declined() as &dyn Error, "payment failed");
}

fn scenario(run: &Run) -> Result<(), Failure> {
    let out = match run["protocol"].as_str() {
        "grpc" => over_grpc(run)?,
        "http/json" => over_http(run, Protocol::HttpJson)?,
        _ => over_http(run, Protocol::HttpBinary)?,
    };
    let resource = Resource::builder()
        .with_service_name(run["service"].clone())
        .with_attribute(KeyValue::new("service.instance.id", run["instance"].clone()))
        .with_attribute(KeyValue::new("service.version", "1.2.3"))
        .with_attribute(KeyValue::new("deployment.environment.name", "test"))
        .build();
    let logs = SdkLoggerProvider::builder()
        .with_resource(resource.clone())
        .with_log_processor(RequestId)
        .with_batch_exporter(out.logs)
        .build();
    let traces = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_span_processor(RequestId)
        .with_batch_exporter(out.traces)
        .build();
    let metrics = SdkMeterProvider::builder().with_resource(resource).with_periodic_exporter(out.metrics).build();

    // The SDK speaks through tracing itself; what it says of exporting would be exported.
    let of_others = filter_fn(|event| !event.target().starts_with("opentelemetry"));
    let bridge = OpenTelemetryTracingBridge::new(&logs).with_filter(of_others);
    let subscriber = tracing_subscriber::registry().with(bridge);
    tracing::subscriber::with_default(subscriber, || {
        let tracer = traces.tracer("shop.checkout");
        let meter = metrics.meter("shop.checkout");
        let inside = Context::current_with_baggage([KeyValue::new("request.id", run["request"].clone())]);
        let mut span = tracer.start_with_context("checkout", &inside);
        span.set_attribute(KeyValue::new("db.password", SECRET));
        let request = inside.with_span(span).attach();
        log();
        let mut charge = tracer.start("charge");
        charge.record_error(&declined());
        charge.set_status(Status::error("card declined"));
        charge.end();
        let orders = meter.u64_counter("shop.orders").build();
        orders.add(3, &[KeyValue::new("payment", "card"), KeyValue::new("api_key", SECRET)]);
        let durations = meter.f64_histogram("shop.order.duration").with_unit("s").build();
        for seconds in [0.05, 0.3, 1.7] {
            durations.record(seconds, &[]);
        }
        drop(request);
        tracing::info!("the end");
    });
    for ended in [logs.shutdown(), traces.shutdown(), metrics.shutdown()] {
        if let Err(failure) = ended {
            eprintln!("{failure}"); // a run with a wrong token is to fail
        }
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    for argument in std::env::args().skip(1) {
        let run: Run = argument
            .split(' ')
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let _guard = (run["protocol"] == "grpc").then(|| runtime.enter()); // tonic wants to be in one
        scenario(&run)?;
    }
    Ok(())
}

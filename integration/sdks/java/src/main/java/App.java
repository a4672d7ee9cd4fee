// Maven: io.opentelemetry:opentelemetry-sdk-extension-autoconfigure and opentelemetry-exporter-otlp,
// io.opentelemetry.contrib:opentelemetry-baggage-processor,
// io.opentelemetry.instrumentation:opentelemetry-logback-appender-1.0, ch.qos.logback:logback-classic
import io.opentelemetry.api.baggage.Baggage;
import io.opentelemetry.instrumentation.logback.appender.v1_0.OpenTelemetryAppender;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.util.Map;
import org.slf4j.LoggerFactory;

public class App {
  public static void main(String[] args) {
    var telemetry = AutoConfiguredOpenTelemetrySdk.builder() // to OTEL_EXPORTER_OTLP_ENDPOINT
        .addPropertiesSupplier(() -> Map.of(
            "otel.service.name", "billing",
            "otel.exporter.otlp.protocol", "http/protobuf",
            "otel.java.experimental.log-attributes.copy-from-baggage.include", "request.id"))
        .build().getOpenTelemetrySdk();
    OpenTelemetryAppender.install(telemetry);
    var log = LoggerFactory.getLogger("billing");

    // In a handler the baggage is the request's own: W3CBaggagePropagator has read it.
    try (var request = Baggage.builder().put("request.id", "a1b2").build().makeCurrent()) {
      log.atInfo().addKeyValue("amount", 12.5).log("invoice sent");
    }
    telemetry.close();
  }
}

import io.opentelemetry.api.baggage.Baggage;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.message.MapMessage;

/**
 * Logs, traces and counts the scenario of ../README.md with OpenTelemetry's SDK for Java: once for
 * each argument, which is a run in words such as protocol=grpc.
 */
public class Main {
  static final String SECRET = "hunter2-correct-horse";
  static final String UNICODE = "grüße äöü 日本語 🚀";
  static final String TOWN = "東京 Zürich 🏙";
  static final String LEAK = "card 4111 1111 1111 1111 of jane.doe@example.com";
  static final String PAYLOAD = "heartwood.......".repeat((64 << 10) / 16);
  static final Map<String, Object> CUSTOMER = Map.of("name", "Zoë Müller", "address", Map.of("city", "Zürich"));

  public static void main(String[] arguments) {
    for (var argument : arguments) {
      var run = new HashMap<String, String>();
      for (var word : argument.split(" ")) {
        var parts = word.split("=", 2);
        run.put(parts[0], parts[1]);
      }
      scenario(run);
    }
    System.exit(0); // the sender's idle threads live a minute more
  }

  static OpenTelemetrySdk start(Map<String, String> run) {
    var settings = new HashMap<>(Map.of(
        "otel.service.name", run.get("service"),
        "otel.resource.attributes", "service.instance.id=" + run.get("instance")
            + ",service.version=1.2.3,deployment.environment.name=test",
        "otel.exporter.otlp.protocol", run.get("protocol"),
        "otel.exporter.otlp.endpoint", run.get("endpoint"),
        "otel.java.experimental.log-attributes.copy-from-baggage.include", "request.id",
        "otel.java.experimental.span-attributes.copy-from-baggage.include", "request.id"));
    if (run.containsKey("gzip")) settings.put("otel.exporter.otlp.compression", "gzip");
    if (run.containsKey("token")) settings.put("otel.exporter.otlp.headers", "authorization=Bearer%20" + run.get("token"));
    if (run.containsKey("ca")) settings.put("otel.exporter.otlp.certificate", run.get("ca"));
    return AutoConfiguredOpenTelemetrySdk.builder()
        .addPropertiesSupplier(() -> settings)
        .disableShutdownHook()
        .build().getOpenTelemetrySdk();
  }

  static RuntimeException declined() {
    return new IllegalStateException("card declined", new java.io.IOException("gateway timeout: 30 s"));
  }

  static void scenario(Map<String, String> run) {
    var telemetry = start(run);
    Runnable end = run.get("bridge").equals("log4j") ? log4j(telemetry) : logback(telemetry);
    var tracer = telemetry.getTracer("shop.checkout");
    var meter = telemetry.getMeter("shop.checkout");
    try (var request = Baggage.builder().put("request.id", run.get("request")).build().makeCurrent()) {
      var span = tracer.spanBuilder("checkout").startSpan();
      span.setAttribute("db.password", SECRET);
      try (var inside = span.makeCurrent()) {
        if (run.get("bridge").equals("log4j")) withLog4j(); else withLogback();
        var charge = tracer.spanBuilder("charge").startSpan();
        charge.recordException(declined());
        charge.setStatus(StatusCode.ERROR, "card declined");
        charge.end();
        meter.counterBuilder("shop.orders").build().add(3, Attributes.of(
            AttributeKey.stringKey("payment"), "card", AttributeKey.stringKey("api_key"), SECRET));
        var durations = meter.histogramBuilder("shop.order.duration").setUnit("s").build();
        for (var seconds : new double[] {0.05, 0.3, 1.7}) durations.record(seconds);
      }
      span.end();
    }
    end.run();
    telemetry.close();
  }

  static Runnable logback(OpenTelemetrySdk telemetry) {
    var context = (ch.qos.logback.classic.LoggerContext) org.slf4j.LoggerFactory.getILoggerFactory();
    context.reset();
    var appender = new io.opentelemetry.instrumentation.logback.appender.v1_0.OpenTelemetryAppender();
    appender.setContext(context);
    appender.setOpenTelemetry(telemetry);
    appender.setKeyValuePairAttributesIncluded("*");
    appender.start();
    var log = context.getLogger("shop.checkout");
    log.setLevel(ch.qos.logback.classic.Level.DEBUG);
    log.setAdditive(false);
    log.addAppender(appender);
    return () -> log.info("the end");
  }

  static void withLogback() {
    var log = org.slf4j.LoggerFactory.getLogger("shop.checkout");
    log.debug("a debug message");
    log.info("an info message");
    log.warn("a warning message");
    log.error("an error message");
    log.atInfo().addKeyValue("order_id", "o-17").addKeyValue("items", 3).addKeyValue("price", 99.99).addKeyValue("paid", true)
        .addKeyValue("tags", List.of("new", "fragile")).addKeyValue("customer", CUSTOMER).addKeyValue("password", SECRET)
        .log("order placed");
    log.info(LEAK);
    log.atInfo().addKeyValue("town", TOWN).log(UNICODE);
    log.atInfo().addKeyValue("payload", PAYLOAD).log("large");
    log.error("payment failed", declined());
  }

  static Runnable log4j(OpenTelemetrySdk telemetry) {
    var context = LoggerContext.getContext(false);
    var config = context.getConfiguration();
    var appender = io.opentelemetry.instrumentation.log4j.appender.v2_17.OpenTelemetryAppender.builder()
        .setName("otel").setOpenTelemetry(telemetry).setMapMessageAttributesIncluded("*").build();
    appender.start();
    var own = new org.apache.logging.log4j.core.config.LoggerConfig(
        "shop.checkout", org.apache.logging.log4j.Level.DEBUG, false);
    own.addAppender(appender, null, null);
    config.removeLogger("shop.checkout");
    config.addLogger("shop.checkout", own);
    context.updateLoggers();
    return () -> context.getLogger("shop.checkout").info("the end");
  }

  static final class Fields extends MapMessage<Fields, Object> {}

  static Fields fields(String message) {
    return new Fields().with("message", message);
  }

  static void withLog4j() {
    var log = LoggerContext.getContext(false).getLogger("shop.checkout");
    log.debug("a debug message");
    log.info("an info message");
    log.warn("a warning message");
    log.error("an error message");
    var order = fields("order placed").with("order_id", "o-17").with("items", 3).with("price", 99.99).with("paid", true);
    order.put("tags", "new,fragile");
    order.put("password", SECRET);
    log.info(order);
    log.info(LEAK);
    log.info(fields(UNICODE).with("town", TOWN));
    log.info(fields("large").with("payload", PAYLOAD));
    log.error("payment failed", declined());
  }
}

package shop;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.logging.log4j.CloseableThreadContext;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.message.MapMessage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.slf4j.MarkerFactory;

/** Elastic's layouts alone: what integration/ecs_libraries_test.go sends through the collector and back. */
public final class WithEcs {
  private static final Map<String, String> REQUEST =
      new TreeMap<>(
          Map.of(
              "trace.id", Scenario.REQUEST.get("trace_id"),
              "transaction.id", Scenario.REQUEST.get("span_id"),
              "span.id", "b9c7c989f97918e1",
              "http.request.id", Scenario.REQUEST.get("request_id"),
              "user.name", "jörg",
              "basket", "b-1"));

  private static final Map<String, String> TRANSACTION =
      Map.of("trace.id", REQUEST.get("trace.id"), "transaction.id", REQUEST.get("transaction.id"));

  private static final class Order extends MapMessage<Order, Object> {
    Order(Map<String, Object> fields) {
      super(fields);
    }
  }

  public static void log4j2() {
    System.setProperty("log4j2.configurationFile", "log4j2-ecsalone.xml");
    org.apache.logging.log4j.Logger logger = LogManager.getLogger(Scenario.LOGGER);
    for (Level level : List.of(Level.TRACE, Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR, Level.FATAL)) {
      logger.log(level, "a message of " + level);
    }
    logger.log(Level.forName("NOTICE", 350), "a message of NOTICE");
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("message", "order placed");
    fields.put("order", new TreeMap<>(Map.of("items", 3, "price", 99.99, "paid", true)));
    fields.put("labels.order_id", "A-17");
    fields.put("tags", List.of("new", "gift"));
    fields.put("event.duration", 1500000L);
    fields.put("attempts", 2);
    fields.put("coupon", null);
    logger.info(new Order(fields));
    logger.info(Scenario.UNICODE);
    logger.info(Scenario.LINES);
    logger.info(org.apache.logging.log4j.MarkerManager.getMarker("audit"), "marked");
    try (CloseableThreadContext.Instance request = CloseableThreadContext.putAll(REQUEST).push("checkout")) {
      logger.info("request handled");
    }
    try (CloseableThreadContext.Instance request = CloseableThreadContext.putAll(TRANSACTION)) {
      logger.info("in a transaction");
    }
    try {
      Scenario.pay();
    } catch (Scenario.PaymentException failure) {
      logger.error("payment failed", failure);
    }
    logger.info("the end");
    LogManager.shutdown();
  }

  public static void logback() {
    System.setProperty("logback.configurationFile", "logback-ecsalone.xml");
    Logger logger = LoggerFactory.getLogger(Scenario.LOGGER);
    logger.trace("a message of TRACE");
    logger.debug("a message of DEBUG");
    logger.info("a message of INFO");
    logger.warn("a message of WARN");
    logger.error("a message of ERROR");
    logger.info(Scenario.UNICODE);
    logger.info(Scenario.LINES);
    logger.info(MarkerFactory.getMarker("audit"), "marked");
    REQUEST.forEach(MDC::put);
    logger.info("request handled");
    MDC.clear();
    TRANSACTION.forEach(MDC::put);
    logger.info("in a transaction");
    MDC.clear();
    try {
      Scenario.pay();
    } catch (Scenario.PaymentException failure) {
      logger.error("payment failed", failure);
    }
    logger.info("the end");
  }
}

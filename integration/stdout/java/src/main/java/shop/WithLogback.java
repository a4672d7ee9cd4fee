package shop;

import java.util.Map;
import net.logstash.logback.marker.Markers;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.slf4j.spi.LoggingEventBuilder;

public final class WithLogback {
  public static void run(String format) {
    System.setProperty("logback.configurationFile", "logback-" + format + ".xml");
    Logger logger = LoggerFactory.getLogger(Scenario.LOGGER);
    logger.trace("a trace message");
    logger.debug("a debug message");
    logger.info("an info message");
    logger.warn("a warning message");
    logger.error("an error message");
    if (format.equals("logstash")) {
      logger.info(Markers.appendEntries(Scenario.fields()), "order placed");
    } else {
      LoggingEventBuilder order = logger.atInfo();
      for (Map.Entry<String, Object> field : Scenario.fields().entrySet()) {
        order = order.addKeyValue(field.getKey(), field.getValue());
      }
      order.log("order placed");
    }
    logger.info(Scenario.UNICODE);
    logger.info(Scenario.LINES);
    Scenario.REQUEST.forEach(MDC::put);
    logger.info("request handled");
    MDC.clear();
    try {
      Scenario.pay();
    } catch (Scenario.PaymentException failure) {
      logger.error("payment failed", failure);
    }
    logger.info("the end");
  }
}

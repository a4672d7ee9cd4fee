package shop;

import java.util.Map;
import org.apache.logging.log4j.CloseableThreadContext;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.apache.logging.log4j.message.MapMessage;

public final class WithLog4j {
  private static final class Order extends MapMessage<Order, Object> {
    Order(Map<String, Object> fields) {
      super(fields);
    }
  }

  public static void run(String format) {
    System.setProperty("log4j2.configurationFile", "log4j2-" + format + ".xml");
    Logger logger = LogManager.getLogger(Scenario.LOGGER);
    logger.trace("a trace message");
    logger.debug("a debug message");
    logger.info("an info message");
    logger.log(Level.forName("NOTICE", 350), "a notice message");
    logger.warn("a warning message");
    logger.error("an error message");
    logger.fatal("a fatal message");
    logger.info(new Order(Scenario.fields()).with("message", "order placed"));
    logger.info(Scenario.UNICODE);
    logger.info(Scenario.LINES);
    try (CloseableThreadContext.Instance request = CloseableThreadContext.putAll(Scenario.REQUEST)) {
      logger.info("request handled");
    }
    try {
      Scenario.pay();
    } catch (Scenario.PaymentException failure) {
      logger.error("payment failed", failure);
    }
    logger.info("the end");
    LogManager.shutdown();
  }
}

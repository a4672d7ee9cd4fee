package shop;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What every program of this folder logs; maps are sorted, so that each run prints the same. */
final class Scenario {
  static final String LOGGER = "shop.checkout";
  static final String UNICODE = "grüße äöü 日本語 🚀";
  static final String LINES = "first line\nsecond \"quoted\" line\n\tthird \\ line";

  static final Map<String, String> REQUEST =
      new TreeMap<>(
          Map.of(
              "request_id", "req-7f3a91",
              "trace_id", "4bf92f3577b34da6a3ce929d0e0e4736",
              "span_id", "00f067aa0ba902b7",
              "trace_flags", "01"));

  static Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("order_id", "A-17");
    fields.put("items", 3);
    fields.put("price", 99.99);
    fields.put("paid", true);
    fields.put("coupon", null);
    fields.put("tags", new ArrayList<>(List.of("new", "gift")));
    fields.put("customer", new TreeMap<>(Map.of("id", 7, "address", Map.of("city", "Zürich"))));
    return fields;
  }

  static final class PaymentException extends RuntimeException {
    PaymentException(String message, Throwable cause) {
      super(message, cause);
    }
  }

  static void callGateway() {
    throw new IllegalStateException("gateway timeout: 30 s");
  }

  static void pay() {
    try {
      callGateway();
    } catch (IllegalStateException cause) {
      PaymentException failure = new PaymentException("card declined", cause);
      failure.addSuppressed(new IllegalArgumentException("no refund needed"));
      throw failure;
    }
  }
}

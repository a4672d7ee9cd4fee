package shop;

/** No library: what the virtual machine prints for an exception that nobody catches. */
public final class WithNothing {
  public static void crash() {
    System.out.println("the beginning");
    Scenario.pay();
  }
}

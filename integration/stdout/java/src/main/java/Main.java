import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Logs the scenario of the README two folders up: {@code list}, or {@code <library> <format>};
 * {@code ecs list} and {@code ecs <library>} are those that log fields of ECS.
 */
public final class Main {
  private static final Map<String, List<String>> FORMATS =
      Map.of(
          "log4j2", List.of("ecs", "logstash", "gelf", "json", "fields", "ecslogging", "pattern"),
          "logback", List.of("logstash", "json", "ecslogging", "pattern", "spring"),
          "none", List.of("crash"));

  private static final Map<String, Runnable> ECS =
      new TreeMap<>(Map.of("log4j2", shop.WithEcs::log4j2, "logback", shop.WithEcs::logback));

  public static void main(String[] args) {
    if (args.length == 2 && args[0].equals("ecs")) {
      if (args[1].equals("list")) {
        ECS.keySet().forEach(each -> System.out.println("ecs " + each));
        return;
      }
      if (ECS.containsKey(args[1])) {
        ECS.get(args[1]).run();
        return;
      }
    }
    if (args.length == 1 && args[0].equals("list")) {
      FORMATS.keySet().stream()
          .sorted()
          .forEach(library -> FORMATS.get(library).forEach(each -> System.out.println(library + " " + each)));
      return;
    }
    if (args.length != 2 || !FORMATS.getOrDefault(args[0], List.of()).contains(args[1])) {
      System.err.println("usage: Main list | Main <library> <format>");
      System.exit(2);
    }
    switch (args[0]) {
      case "log4j2" -> shop.WithLog4j.run(args[1]);
      case "none" -> shop.WithNothing.crash();
      default -> shop.WithLogback.run(args[1]);
    }
  }
}

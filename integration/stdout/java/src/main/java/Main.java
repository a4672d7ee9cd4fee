import java.util.List;
import java.util.Map;

/** Logs the scenario of the README two folders up: {@code list}, or {@code <library> <format>}. */
public final class Main {
  private static final Map<String, List<String>> FORMATS =
      Map.of(
          "log4j2", List.of("ecs", "logstash", "gelf", "json", "fields", "ecslogging", "pattern"),
          "logback", List.of("logstash", "json", "ecslogging", "pattern", "spring"),
          "none", List.of("crash"));

  public static void main(String[] args) {
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

//! Logs the scenario of ../README.md to stdout: `list`, or `<library> <format>`.

mod scenario;
mod with_env_logger;
mod with_nothing;
mod with_tracing;

const PROGRAMS: &[(&str, &str, fn())] = &[
    ("tracing", "json", with_tracing::json),
    ("tracing", "flattened", with_tracing::flattened),
    ("tracing", "full", with_tracing::full),
    ("tracing", "default", with_tracing::default),
    ("tracing", "pretty", with_tracing::pretty),
    ("env_logger", "text", with_env_logger::text),
    ("none", "crash", with_nothing::crash),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["list"] => {
            for (library, format, _) in PROGRAMS {
                println!("{library} {format}");
            }
        }
        [library, format] => match PROGRAMS.iter().find(|p| (p.0, p.1) == (library, format)) {
            Some((_, _, run)) => run(),
            None => usage(),
        },
        _ => usage(),
    }
}

fn usage() {
    eprintln!("usage: stdout list | stdout <library> <format>");
    std::process::exit(2);
}

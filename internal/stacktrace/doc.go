// Package stacktrace joins the lines of stack traces and of messages of several
// lines to the record they belong to, and takes the exception out of the joined
// text. It knows what Python, Java, Go, Node, Ruby, .NET, PHP and Rust print.
//
// README.md has the grammar, the choices and the limits. The package knows nothing
// of the Collector.
package stacktrace

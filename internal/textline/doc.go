// Package textline takes apart the lines of text that the standard loggers of many
// languages and servers write: time, severity, logger, place in the code, message.
//
// README.md lists the layouts and says what is taken and what is left. The package
// knows nothing of the Collector.
package textline

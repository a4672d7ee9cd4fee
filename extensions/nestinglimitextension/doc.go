// Package nestinglimitextension refuses requests of OTLP whose values are nested deeper
// than a limit, before they are decoded. It is a middleware for the servers of the otlp
// receiver, and stands there by itself: converters/nestinglimitconverter names it in each
// configuration.
//
// What it answers for: no request reaches the decoder with more levels than max_depth, and
// one that is refused is refused whole, is counted, and is told so to its sender for good.
package nestinglimitextension

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

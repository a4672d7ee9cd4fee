// Package otlpdepth says of an OTLP request how deep its values are nested, before it is
// decoded. Lists within lists are what the protocol lets a sender nest at will; pdata's
// decoder, and all that walks a value later, calls itself once for each level, so that a
// few megabytes cost a gigabyte of stack, and some more end the process.
//
// A Scanner is given the bytes in pieces as they come, keeps no more than the way to where
// it is, and stops at the first level that is too deep.
package otlpdepth

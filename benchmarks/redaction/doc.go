// Package redaction measures the redact processor beside upstream's redaction processor,
// with ten equal patterns, and with all detectors.
package redaction

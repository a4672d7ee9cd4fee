// Package ecs measures the mapping to ECS beside upstream's transform processor, which
// renames the same attributes, and the writing of documents beside upstream's OTLP in JSON.
package ecs

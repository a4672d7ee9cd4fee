// Package ecscheck holds documents to Elastic's own rules: those of the ECS logging
// specification, and the schema's. It is for tests.
package ecscheck

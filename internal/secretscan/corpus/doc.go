// Package corpus makes labelled log lines with planted secrets, look-alikes and
// neither, by which detectors of secrets are judged.
//
// Everything is synthetic and follows from the seed: the same seed and the same
// calls give the same samples. Values are made by the rules their issuers
// publish (issuer ranges and check digits, registry lengths, checksums of
// tokens), and independently of any detector: nothing here imports one.
//
// Every secret in a text is labelled, also those of the surroundings: the
// client's address of an access line is a Planted of ipv4. What isn't labelled
// is meant to stay. Spans are byte offsets, sorted, and never overlap.
package corpus

// Package filetail reads files as they grow, and moves its checkpoints by
// acknowledgement: a checkpoint is stored only after the lines before it have been
// accepted by whoever comes next, and it stays before lines that are held back to be
// joined with later ones.
package filetail

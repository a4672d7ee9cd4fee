package archive

import "errors"

var errNotYet = errors.New("not yet")

const longestExtension = "otlp.binpb.zst"

func isExtension(string) bool { return true }

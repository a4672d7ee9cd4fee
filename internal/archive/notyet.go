package archive

import "errors"

var errNotYet = errors.New("not yet")

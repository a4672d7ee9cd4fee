//go:build !unix

package secretscan

import "time"

var begun = time.Now()

func cpuTime() time.Duration { return time.Since(begun) }

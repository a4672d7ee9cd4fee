// Package md5sum is MD5 for forms of others that have it: the hash by which Kinesis tells a
// key's shard, the checksum of a KPL aggregate. Nothing relies on it for its security, so
// that it also works under GODEBUG=fips140=only.
package md5sum

import (
	"bytes"
	"crypto/fips140"
	"crypto/md5" //nolint:gosec // see above
)

// Size is that of a sum in bytes.
const Size = md5.Size

// Sum is the MD5 of data. Outside of fips140=only it does not allocate.
func Sum(data []byte) (sum [Size]byte) {
	if !fips140.Enforced() {
		return md5.Sum(data) //nolint:gosec // see above
	}
	return unenforced(bytes.Clone(data)) // so that data does not escape
}

func unenforced(data []byte) (sum [Size]byte) {
	fips140.WithoutEnforcement(func() { sum = md5.Sum(data) }) //nolint:gosec // see above
	return sum
}

//go:build !amd64 || purego

package base64text

// groups writes the base64 of the first bytes of src, and says of how many.
func groups(dst, src []byte) (done int) { return portable(dst, src) }

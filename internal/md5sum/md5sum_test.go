package md5sum

import (
	"crypto/fips140"
	"encoding/hex"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSum has sums of RFC 1321, here and in a process where no MD5 is allowed.
func TestSum(t *testing.T) {
	for text, want := range map[string]string{
		"": "d41d8cd98f00b204e9800998ecf8427e", "abc": "900150983cd24fb0d6963f7d28e17f72",
		"message digest": "f96b697d7cb7938d525a2f31aaf161d0",
	} {
		sum := Sum([]byte(text))
		assert.Equal(t, want, hex.EncodeToString(sum[:]))
	}
	if fips140.Enforced() {
		return
	}
	data := []byte("abc")
	assert.Zero(t, testing.AllocsPerRun(100, func() { Sum(data) }))
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSum$", "-test.v")
	again.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := again.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestSum")
}

package redactprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// keyLines is a private key, a line for each record.
func keyLines() []string {
	lines := []string{"-----BEGIN RSA " + "PRIVATE KEY-----"}
	for range 4 {
		lines = append(lines, strings.Repeat("MIIEpAIBAAKCAQEA7Zq3bq8Z", 2)+"q8Zq3bq8Zq3bq8Z=")
	}
	return append(lines, "-----END RSA "+"PRIVATE KEY-----")
}

func document(messages ...any) map[string]any {
	var parts []any
	for _, m := range messages {
		parts = append(parts, map[string]any{"offset": 0.5, "message": m})
	}
	return map[string]any{"parts": parts}
}

func messagesOf(body pcommon.Value) (all []any) {
	for _, part := range body.AsRaw().(map[string]any)["parts"].([]any) {
		all = append(all, part.(map[string]any)["message"])
	}
	return all
}

func TestKeyOverSeveralParts(t *testing.T) {
	lines := keyLines()
	var said []any
	said = append(said, "loaded "+lines[0])
	for _, line := range lines[1:] {
		said = append(said, line)
	}
	said = append(said, "done", "by jane@example.com")
	const label = "[PRIVATE_KEY]"
	want := []any{"loaded " + label, label, label, label, label, label, "done", "by [EMAIL]"}

	b := start(t, "{}")
	r := b.record(t, document(said...), nil)
	assert.Equal(t, want, messagesOf(r.Body()))
	count, _ := r.Attributes().Get(noteAttribute)
	assert.EqualValues(t, 2, count.Int())
	assert.Equal(t, want, messagesOf(b.record(t, r.Body().AsRaw(), nil).Body()), "and twice is as once")

	outer := b.record(t, document("before", document(said...), "after"), nil)
	assert.Equal(t, []any{"before", document(want...), "after"}, messagesOf(outer.Body()), "in a document of documents")

	assert.Equal(t, said, messagesOf(start(t, "dry_run: true").record(t, document(said...), nil).Body()))
	hashed := messagesOf(start(t, "action: {type: hash}\n"+hashKeys).record(t, document(said...), nil).Body())
	assert.Regexp(t, `^\[private_key~k1~[0-9a-f]{16}\]$`, hashed[1])
	assert.Equal(t, hashed[1], hashed[5])
}

func TestPartsThatAreNone(t *testing.T) {
	b := start(t, "limits: {max_size: 200}")
	for _, body := range []any{
		map[string]any{"parts": "x"},
		map[string]any{"parts": []any{"x", nil, map[string]any{"message": int64(1)}}},
		document(), document(keyLines()[0]), document("-----BEGIN x", nil),
	} {
		b.record(t, body, nil)
	}
	long := b.record(t, document(keyLines()[0], strings.Repeat("y", 190), "z"), nil)
	assert.Equal(t, "[UNSCANNED]", messagesOf(long.Body())[1], "what can't be looked through with its neighbours does not pass")
}

package redactprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// FuzzRecord: whatever comes, the record goes on, what has no finding stays as it is, and
// what is made of a finding is not itself found, again and again.
func FuzzRecord(f *testing.F) {
	for _, text := range []string{
		"", "x", "jane@example.com", "password=hunter2 card 4111 1111 1111 1111", `{"password":"x","a":[{"token":"abcdefgh12345678"}]}`,
		"https://jane:s3cret@example.com/?token=abcdefgh12345678", "[EMAIL]", "[email~k1~0123456789abcdef]", "\xff\xfe@\xff", "-----BEGIN PRIVATE KEY-----\nabc",
		"%40example.com", "4111\u200b1111\u200b1111\u200b1111", "Ｐassword=hunter2",
	} {
		f.Add("key", text)
		f.Add("db.password", text)
		f.Add(text, "value")
	}
	b := start(f, "action: {type: hash}\n"+hashKeys)
	f.Fuzz(func(t *testing.T, key, text string) {
		b.sink.Reset()
		attributes := map[string]any{key: text, "m": map[string]any{key: []any{text, int64(len(text))}}}
		once := b.record(t, text, attributes)
		note, found := once.Attributes().Get(noteAttribute)
		if !found && key != noteAttribute {
			require.Equal(t, text, once.Body().Str())
			require.Equal(t, attributes, once.Attributes().AsRaw())
			return
		}
		if strings.Contains(key, "redaction") {
			return
		}
		// What a pass has made may be the context for another finding. But it ends.
		const most = 5
		for range most {
			count := note.Int()
			again := plog.NewLogRecord()
			once.CopyTo(again)
			once = b.record(t, again.Body().AsRaw(), again.Attributes().AsRaw())
			if note, _ = once.Attributes().Get(noteAttribute); note.Int() == count {
				return
			}
		}
		t.Fatalf("there is always more to find: %v", once.Attributes().AsRaw())
	})
}

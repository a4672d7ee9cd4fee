package logfmtreceiver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDropNotice(t *testing.T) {
	for line, want := range map[string]dropNotice{
		"Error L10 (output buffer overflow): 491 messages dropped since 2013-04-17T07:04:46+00:00.":                           {"L10", 491},
		"- Error L10 (output buffer overflow): 500 messages dropped since 2013-04-17T19:04:46+00:00.":                         {"L10", 500},
		"Error L10 (output buffer overflow): drain 'd.cfcd3264' dropped 1101 messages since 2020-06-12T14:40:59.280571+00:00": {"L10", 1101},
		"Error L11 (Tail buffer overflow) -> This tail session dropped 1101 messages since 2011-05-16 22:26:46 UTC.":          {"L11", 1101},
		"Error L12: 2 messages dropped since 2012-08-01T00:00:00+00:00":                                                       {"L12", 2},
		"Error L13: 111 messages lost since 2012-08-01T00:00:00+00:00":                                                        {"L13", 111},
		"Error L10 (output buffer overflow): 1 messages dropped since":                                                        {"L10", 1},
	} {
		got, ok := parseDropNotice([]byte(line))
		assert.True(t, ok, line)
		assert.Equal(t, want, got, line)
	}
	for _, line := range []string{
		"", "Error L1", "Error L10", "Error L14: 5 messages dropped", "Error L10x 5 messages dropped", "Error R14 (Memory quota exceeded)",
		"Error L10 (output buffer overflow): some messages dropped since", "Error L10: 5 messages delayed since", "Error L10: -5 messages dropped",
		"msg=\"Error L10 (output buffer overflow): 491 messages dropped\"", "Error L10: 99999999999999999999 messages dropped since",
		"Error L10:  messages dropped",
	} {
		_, ok := parseDropNotice([]byte(line))
		assert.False(t, ok, line)
	}
}

func FuzzDropNotice(f *testing.F) {
	f.Add([]byte("Error L10 (output buffer overflow): 491 messages dropped since 2013-04-17T07:04:46+00:00."))
	f.Add([]byte("- Error L13: 111 messages lost since"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if n, ok := parseDropNotice(line); ok {
			require.GreaterOrEqual(t, n.count, int64(0))
			require.Contains(t, noticeCodes, n.code)
		}
	})
}

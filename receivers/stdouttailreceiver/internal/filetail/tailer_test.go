package filetail

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadsWhatIsThereAndWhatComes(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "one\ntwo\n")
	b.start()
	b.want("one", "two")
	b.append("a.log", "three\n")
	b.write("b.log", "four\r\n\nfive")
	b.want("one", "two", "three", "four", "")
	b.append("b.log", " six\n")
	b.want("one", "two", "three", "four", "", "five six")
	b.settled(map[string]int64{"a.log": 14, "b.log": 16})
	for _, l := range b.sink.all() {
		if l.text == "five six" {
			assert.Equal(t, int64(7), l.Offset)
			assert.Equal(t, int64(16), l.End)
			assert.Equal(t, int64(7), l.Start)
			assert.False(t, l.Cut)
		}
	}
}

func TestGoesOnAfterRestart(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "one\n")
	b.start()
	b.want("one")
	b.stop()
	id := b.sink.all()[0].id
	b.append("a.log", "two\n")
	b.start()
	b.want("one", "two")
	assert.Equal(t, id, b.sink.all()[1].id)
	assert.Equal(t, int64(4), b.sink.all()[1].Offset)
}

func TestCheckpointWaitsForDelivery(t *testing.T) {
	b := newBench(t)
	b.cfg.ShutdownWait = 20 * time.Millisecond
	b.sink.setRefuse(true)
	b.write("a.log", "one\n")
	b.start()
	b.settled(map[string]int64{"a.log": 0})
	time.Sleep(30 * time.Millisecond)
	b.settled(map[string]int64{"a.log": 0})
	b.stop()
	b.settled(map[string]int64{"a.log": 0})
	b.sink.setRefuse(false)
	b.start()
	b.want("one")
	b.settled(map[string]int64{"a.log": 4})
}

func TestCheckpointStaysBeforeWhatIsHeld(t *testing.T) {
	b := newBench(t)
	b.hold = func(s string) bool { return s[0] == '+' }
	b.write("a.log", "one\n+two\n+three\n")
	b.start()
	b.want("one")
	b.settled(map[string]int64{"a.log": 4})
	b.stop()
	b.append("a.log", "four\n")
	b.start()
	b.want("one", "+two", "+three", "four")
	b.settled(map[string]int64{"a.log": 21})
	b.append("a.log", "+five\n")
	b.want("one", "+two", "+three", "four")
	// Nothing more comes: the stream gives it up by itself.
	b.want("one", "+two", "+three", "four", "+five")
}

func TestRotationByRename(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "one\n")
	b.start()
	b.want("one")
	b.rename("a.log", "a.log.1") // no pattern matches it
	b.append("a.log.1", "two\n")
	b.write("a.log", "three\n")
	b.want("one", "two", "three")
	b.append("a.log.1", "four\n")
	b.append("a.log", "five\n")
	b.want("one", "two", "three", "four", "five")
	require.Eventually(t, func() bool { return b.tail.Stats().Open == 1 }, 5*time.Second, 5*time.Millisecond)
	// It may still grow, after it was given up.
	b.append("a.log.1", "six\n")
	b.want("one", "two", "three", "four", "five", "six")
}

func TestRotationByRenameWhileStopped(t *testing.T) {
	for _, pattern := range []string{"*.log", "*"} {
		t.Run(pattern, func(t *testing.T) {
			b := newBench(t)
			b.cfg.Include = []string{b.path(pattern)}
			b.write("a.log", "one\n")
			b.start()
			b.want("one")
			b.stop()
			b.append("a.log", "two\n")
			b.rename("a.log", "a.log.1")
			b.write("a.log", "three\n")
			b.start()
			b.want("one", "two", "three")
		})
	}
}

func TestCopyAndTruncate(t *testing.T) {
	for _, pattern := range []string{"*.log", "*"} {
		t.Run(pattern, func(t *testing.T) {
			b := newBench(t)
			b.cfg.Include = []string{b.path(pattern)}
			text, lines := numbered("a", 0, 100)
			b.write("a.log", text)
			b.start()
			b.want(lines...)
			b.copy("a.log", "a.log.1")
			time.Sleep(50 * time.Millisecond)
			b.want(lines...)
			require.NoError(t, os.Truncate(b.path("a.log"), 0))
			b.append("a.log", "anew\n")
			b.want(append(lines, "anew")...)
			b.stop()
			b.start()
			b.want(append(lines, "anew")...)
		})
	}
}

func TestCopyAndTruncateBeforeAllWasRead(t *testing.T) {
	for _, pattern := range []string{"*.log", "*"} {
		for _, stopped := range []bool{false, true} {
			b := newBench(t)
			b.cfg.Include = []string{b.path(pattern)}
			b.cfg.MaxScanInterval = 50 * time.Millisecond
			b.cfg.PollInterval = 50 * time.Millisecond
			text, lines := numbered("a", 0, 100)
			b.write("a.log", text)
			b.start()
			b.want(lines...)
			if stopped {
				b.stop()
			}
			more, moreLines := numbered("a", 100, 120)
			b.append("a.log", more)
			b.copy("a.log", "a.log.1")
			require.NoError(t, os.Truncate(b.path("a.log"), 0))
			b.append("a.log", "anew\n")
			if stopped {
				b.start()
			}
			b.want(append(append(lines, moreLines...), "anew")...)
		}
	}
}

package filetail

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilesWithTheSameBanner(t *testing.T) {
	b := newBench(t)
	banner := strings.Repeat("#", 5000)
	b.write("a.log", banner+"\none\n")
	b.write("b.log", banner+"\ntwo\n")
	b.write("a.1.log", banner+"\nthree\n")
	b.start()
	want := []string{banner, banner, banner, "one", "two", "three"}
	b.want(want...)
	b.stop()
	b.append("b.log", "four\n")
	b.append("a.1.log", "five\n")
	b.start()
	b.want(append(want, "four", "five")...)
}

func TestRewrittenBetweenTwoLooks(t *testing.T) {
	for name, second := range map[string]string{
		"smaller":               "new\n",
		"same size":             "abc\ndef\n",
		"larger":                "abc\ndef\nghi\n",
		"larger, equal at head": "one\nand more\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.write("a.log", "one\ntwo\n")
			b.start()
			b.want("one", "two")
			b.write("a.log", second) // the same inode
			lines := strings.Split(strings.TrimSuffix(second, "\n"), "\n")
			b.want(append(lines, "one", "two")...)
			assert.Equal(t, int64(1), b.tail.Stats().Truncated)
		})
	}
}

func packed(t *testing.T, ext, text string) string {
	t.Helper()
	var buf bytes.Buffer
	if ext == ".gz" {
		z := gzip.NewWriter(&buf)
		_, err := z.Write([]byte(text))
		require.NoError(t, errors.Join(err, z.Close()))
		return buf.String()
	}
	z, err := zstd.NewWriter(&buf)
	require.NoError(t, err)
	_, err = z.Write([]byte(text))
	require.NoError(t, errors.Join(err, z.Close()))
	return buf.String()
}

func TestCompressed(t *testing.T) {
	for _, ext := range []string{".gz", ".zst"} {
		for _, mode := range []Compressed{Skip, Read} {
			t.Run(string(mode)+ext, func(t *testing.T) {
				b := newBench(t)
				b.cfg.Include = []string{b.path("*")}
				b.cfg.Compressed = mode
				b.cfg.settle = 20 * time.Millisecond
				oldText, oldLines := numbered("old", 0, 3000)
				b.write("a.log.2"+ext, packed(t, ext, oldText+"unended"))
				text, lines := numbered("a", 0, 50)
				b.write("a.log", text)
				b.start()
				want := lines
				if mode == Read {
					want = append(append(want, oldLines...), "unended")
				}
				b.want(want...)

				b.rename("a.log", "a.log.1")
				b.write("a.log", "new\n")
				b.write("a.log.1"+ext, packed(t, ext, text))
				require.NoError(t, os.Remove(b.path("a.log.1")))
				want = append(want, "new")
				b.want(want...)
				time.Sleep(200 * time.Millisecond) // what is deleted is given up
				b.want(want...)
				b.stop()
				b.start()
				b.want(want...)
			})
		}
	}
}

// What was not read before it was compressed is read from the compressed file, even
// if such files are left alone otherwise.
func TestRestIsReadFromCompressedCopy(t *testing.T) {
	b := newBench(t)
	b.cfg.settle = 20 * time.Millisecond
	text, lines := numbered("a", 0, 50)
	b.write("a.log", text)
	b.start()
	b.want(lines...)
	b.stop()
	more, moreLines := numbered("a", 50, 70)
	b.write("a.log.1.gz", packed(t, ".gz", text+more))
	require.NoError(t, os.Remove(b.path("a.log")))
	b.write("a.log", "new\n")
	b.start()
	b.want(append(append(lines, moreLines...), "new")...)
}

func TestDeletedFileIsReadToItsEnd(t *testing.T) {
	b := newBench(t)
	var refused atomic.Bool
	refused.Store(true)
	var calls atomic.Int64
	b.sink.fail = func() error {
		calls.Add(1)
		if refused.Load() {
			return errors.New("not yet")
		}
		return nil
	}
	text, lines := numbered("a", 0, 1000)
	b.write("a.log", text)
	b.start()
	require.Eventually(t, func() bool { return calls.Load() > 0 }, 5*time.Second, time.Millisecond)
	require.NoError(t, os.Remove(b.path("a.log")))
	time.Sleep(30 * time.Millisecond)
	refused.Store(false)
	b.want(lines...)
	require.Eventually(t, func() bool { return b.tail.Stats().Open == 0 }, 5*time.Second, time.Millisecond)
}

func TestSymlinks(t *testing.T) {
	b := newBench(t)
	require.NoError(t, os.MkdirAll(b.path("pods/app"), 0o700))
	b.write("pods/app/0.log", "one\n")
	require.NoError(t, os.Symlink(b.path("pods/app/0.log"), b.path("app.log")))
	b.cfg.Include = []string{b.path("*.log"), b.path("pods/*/*.log")}
	b.start()
	b.want("one")
	require.Len(t, b.sink.opened, 1)
	assert.Equal(t, b.path("app.log"), b.sink.opened[0].Path)
	assert.Equal(t, b.path("pods/app/0.log"), b.sink.opened[0].Resolved)
}

func TestSymlinkWhoseTargetIsRotated(t *testing.T) {
	b := newBench(t)
	require.NoError(t, os.MkdirAll(b.path("pods/app"), 0o700))
	b.write("pods/app/0.log", "one\n")
	require.NoError(t, os.Symlink(b.path("pods/app/0.log"), b.path("app.log")))
	b.start()
	b.want("one")
	b.append("pods/app/0.log", "two\n")
	b.rename("pods/app/0.log", "pods/app/0.log.20260101-120000")
	b.append("pods/app/0.log.20260101-120000", "three\n")
	b.write("pods/app/0.log", "four\n")
	b.want("one", "two", "three", "four")
}

func TestNewDirectories(t *testing.T) {
	for _, notify := range []bool{true, false} {
		b := newBench(t)
		b.cfg.Include = []string{b.path("**/*.log")}
		b.cfg.Exclude = []string{b.path("**/no*.log")}
		b.cfg.DisableNotify = !notify
		b.write("empty.log", "")
		b.start()
		require.NoError(t, os.MkdirAll(b.path("x/y"), 0o700))
		b.write("x/y/a.log", "one\n")
		b.write("x/y/not.log", "no\n")
		b.append("empty.log", "two\n")
		b.want("one", "two")
	}
}

// Notifications make it prompt where polling is slow.
func TestNotifications(t *testing.T) {
	b := newBench(t)
	b.cfg.Include = []string{b.path("**/*.log")}
	b.cfg.DisableNotify = false
	b.cfg.PollInterval, b.cfg.MaxScanInterval = time.Hour, time.Hour
	b.write("a.log", "one\n")
	b.start()
	b.want("one")
	b.append("a.log", "two\n")
	b.want("one", "two")
	require.NoError(t, os.MkdirAll(b.path("x/y"), 0o700))
	time.Sleep(50 * time.Millisecond)
	b.write("x/y/b.log", "three\n")
	b.rename("a.log", "a.log.1")
	b.write("a.log", "four\n")
	b.want("one", "two", "three", "four")
}

func TestPermissionDenied(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t) // root may read everything
		return
	}
	b := newBench(t)
	b.write("a.log", "one\n")
	require.NoError(t, os.Chmod(b.path("a.log"), 0))
	b.start()
	require.Eventually(t, func() bool { return b.tail.Stats().OpenErrors == 1 }, 5*time.Second, time.Millisecond)
	time.Sleep(100 * time.Millisecond)
	assert.Equal(t, int64(1), b.tail.Stats().OpenErrors)
	require.NoError(t, os.Chmod(b.path("a.log"), 0o600))
	b.want("one")
}

// asNobody runs this test again in a process without root's rights.
func asNobody(t *testing.T) {
	t.Helper()
	const nobody = 65534
	dir, err := os.MkdirTemp("", "filetail-") //nolint:usetesting // nobody must be able to enter it
	require.NoError(t, err)
	defer func() { assert.NoError(t, os.RemoveAll(dir)) }()
	require.NoError(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	program := filepath.Join(dir, "test")
	require.NoError(t, os.WriteFile(program, self, 0o755))
	command := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	command.Dir = dir
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
}

func TestManyFilesFewDescriptors(t *testing.T) {
	b := newBench(t)
	b.cfg.MaxOpenFiles = 4
	var want []string
	for i := range 100 {
		b.write(fmt.Sprintf("%d.log", i), fmt.Sprintf("%d\n", i))
		want = append(want, strconv.Itoa(i))
	}
	b.start()
	b.want(want...)
	assert.LessOrEqual(t, b.tail.Stats().Open, int64(4))
	for i := range 50 {
		// It is closed when it is renamed.
		name := fmt.Sprintf("%d.log", i)
		b.append(name, fmt.Sprintf("%d again\n", i))
		b.rename(name, name+".1")
		want = append(want, fmt.Sprintf("%d again", i))
	}
	b.want(want...)
	assert.LessOrEqual(t, b.tail.Stats().Open, int64(4))
}

func TestNamedPipe(t *testing.T) {
	b := newBench(t)
	require.NoError(t, syscall.Mkfifo(b.path("pipe.log"), 0o600))
	b.cfg.FlushAfter = 50 * time.Millisecond
	b.start()
	require.Eventually(t, func() bool { return b.tail.Stats().Files == 1 }, 5*time.Second, time.Millisecond)
	for i := range 3 { // writers come and go
		f, err := os.OpenFile(b.path("pipe.log"), os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = fmt.Fprintf(f, "line %d\nand more ", i)
		require.NoError(t, errors.Join(err, f.Close()))
	}
	b.want("line 0", "and more line 1", "and more line 2", "and more ")
	assert.True(t, b.sink.opened[0].Pipe)
	b.settled(map[string]int64{})
}

func TestUnendedLine(t *testing.T) {
	b := newBench(t)
	b.cfg.FlushAfter = 30 * time.Millisecond
	b.write("a.log", "one\ntwo")
	b.write("b.log", "three")
	b.start()
	b.want("one", "two", "three")
	b.settled(map[string]int64{"a.log": 7, "b.log": 5})
	b.stop()
	b.append("a.log", " more\nfour\n")
	b.append("b.log", "\nfive\n")
	b.start()
	b.want("one", "two", "three", " more", "four", "five")
	for _, l := range b.sink.all() {
		switch l.text {
		case "two", "three":
			assert.True(t, l.Unended)
			assert.False(t, l.Cut)
		case " more":
			assert.Equal(t, Line{Offset: 7, End: 13, Start: 4, Cut: true, Index: 1, Last: true}, l.Line)
		case "five":
			assert.Equal(t, Line{Offset: 6, End: 11, Start: 6}, l.Line)
		}
	}
}

func TestLongLineIsCut(t *testing.T) {
	b := newBench(t)
	b.cfg.MaxLine = 16
	b.cfg.ReadBufferSize = 1 << 10
	b.limit = 1
	line := strings.Repeat("ä", 5000)
	b.write("a.log", line)
	b.start()
	require.Eventually(t, func() bool { return b.offsets()["a.log"] > 9000 }, 5*time.Second, time.Millisecond)
	b.stop()
	b.append("a.log", "end\r\nshort\n")
	b.start()
	require.Eventually(t, func() bool { return b.offsets()["a.log"] == 10011 }, 5*time.Second, time.Millisecond)
	var whole strings.Builder
	all := b.sink.all()
	for i, l := range all[:len(all)-1] {
		whole.WriteString(l.text)
		assert.True(t, l.Cut)
		assert.Equal(t, i, l.Index)
		assert.Equal(t, i == len(all)-2, l.Last)
		assert.LessOrEqual(t, len(l.text), 16)
		assert.Zero(t, l.Start)
	}
	assert.Equal(t, line+"end", whole.String())
	assert.Equal(t, Line{Offset: 10005, End: 10011, Start: 10005}, all[len(all)-1].Line)
}

// A writer without O_APPEND goes on where it was after its file was cut off.
func TestHoleAfterTruncation(t *testing.T) {
	for _, hole := range []int64{100, 10_000, 100 << 20} {
		b := newBench(t)
		b.cfg.ReadBufferSize = 1 << 10
		f, err := os.Create(b.path("a.log"))
		require.NoError(t, err)
		_, err = f.WriteString("one\n")
		require.NoError(t, err)
		b.start()
		b.want("one")
		require.NoError(t, f.Truncate(0))
		_, err = f.WriteAt([]byte("two\nthree\n"), hole)
		require.NoError(t, errors.Join(err, f.Close()))
		b.want("one", "two", "three")
		assert.Equal(t, hole, b.tail.Stats().NULs)
	}
}

// What is preallocated is filled later.
func TestPreallocated(t *testing.T) {
	b := newBench(t)
	b.cfg.ReadBufferSize = 1 << 10
	b.cfg.FlushAfter = 10 * time.Millisecond
	f, err := os.Create(b.path("a.log"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // in a test
	require.NoError(t, f.Truncate(1<<20))
	_, err = f.WriteAt([]byte("one\n"), 0)
	require.NoError(t, err)
	b.start()
	b.want("one")
	_, err = f.WriteAt([]byte("two\n"), 4)
	require.NoError(t, err)
	b.want("one", "two")
	assert.Zero(t, b.tail.Stats().NULs)
}

func TestStartAtEnd(t *testing.T) {
	b := newBench(t)
	b.cfg.StartAt = End
	b.write("a.log", "old\npart")
	b.start()
	b.settled(map[string]int64{"a.log": 4})
	b.append("a.log", "ial\nnew\n")
	b.write("b.log", "from the beginning\n")
	b.want("partial", "new", "from the beginning")
	b.stop()
	b.write("c.log", "while stopped\n")
	b.start()
	b.want("partial", "new", "from the beginning", "while stopped")
}

func TestDamagedCheckpoint(t *testing.T) {
	for name, damage := range map[string]func(doc []byte) []byte{
		"missing":  func([]byte) []byte { return nil },
		"flipped":  func(d []byte) []byte { d = bytes.Clone(d); d[len(d)-5] ^= 1; return d },
		"cut":      func(d []byte) []byte { return d[:len(d)/2] },
		"empty":    func([]byte) []byte { return []byte{} },
		"of later": func(d []byte) []byte { d = bytes.Clone(d); d[0] = '2'; return d },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.write("a.log", "one\n")
			b.start()
			b.want("one")
			b.stop()
			store := b.store.(*MemoryStore)
			for key, doc := range store.m {
				if strings.HasPrefix(key, filePrefix) {
					require.NoError(t, store.Batch(context.Background(), []Op{{key, damage(doc)}}))
				}
			}
			tail, err := New(b.cfg, store, b.sink.handler(nil, 1), nil)
			require.NoError(t, err)
			require.ErrorIs(t, tail.Start(context.Background()), ErrDamaged)
			require.NoError(t, tail.Shutdown(context.Background()))
		})
	}
}

func TestForget(t *testing.T) {
	b := newBench(t)
	b.cfg.ForgetAfter = 50 * time.Millisecond
	b.write("a.log", "one\n")
	b.write("b.log", "two\n")
	b.start()
	b.want("one", "two")
	require.NoError(t, os.Remove(b.path("a.log")))
	b.settled(map[string]int64{"b.log": 4})
	assert.Len(t, b.store.(*MemoryStore).m, 2)
}

func TestVolatileShutdownKeepsNothingBack(t *testing.T) {
	b := newBench(t)
	b.cfg.Volatile = true
	b.hold = func(s string) bool { return s[0] == '+' }
	b.write("a.log", "one\n+two\nthree")
	b.start()
	b.want("one")
	b.stop()
	b.want("one", "+two", "three")
}

// A file with much to read doesn't keep others waiting.
func TestFairness(t *testing.T) {
	b := newBench(t)
	b.cfg.Workers = 1
	b.cfg.TurnSize = 1 << 10
	b.cfg.ReadBufferSize = 1 << 10
	text, _ := numbered("a", 0, 20_000)
	b.write("a.log", text)
	b.write("z.log", "small\n")
	b.start()
	require.Eventually(t, func() bool { return b.tail.Stats().Lines >= 20_001 }, 20*time.Second, time.Millisecond)
	for i, l := range b.sink.all() {
		if l.text == "small" {
			assert.Less(t, i, 100)
			return
		}
	}
	require.Fail(t, "not read")
}

func TestMemoryOfIdleFiles(t *testing.T) {
	const files = 2000
	b := newBench(t)
	for i := range files {
		b.write(fmt.Sprintf("%d.log", i), fmt.Sprintf("%d\n", i))
	}
	b.cfg.MaxOpenFiles = 16
	var n atomic.Int64
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	store := &MemoryStore{}
	before := heap()
	tail, err := New(b.cfg, store, func(int) Handler { return &nullHandler{lines: &n, limit: 1000} }, nil)
	require.NoError(t, err)
	require.NoError(t, tail.Start(context.Background()))
	require.Eventually(t, func() bool { return n.Load() == files }, 20*time.Second, 5*time.Millisecond)
	time.Sleep(50 * time.Millisecond)
	perFile := (heap() - before) / files
	t.Logf("%d bytes per file, %d goroutines", perFile, runtime.NumGoroutine())
	assert.Less(t, perFile, uint64(3<<10), "with its checkpoint in the store, which is in memory here")
	require.NoError(t, tail.Shutdown(context.Background()))
	runtime.KeepAlive(store)
}

func TestFamilies(t *testing.T) {
	for _, c := range []struct {
		original, path string
		copy           bool
	}{
		{"/l/x.log", "/l/x.log.1", true},
		{"/l/x.log", "/l/x.log.12.gz", true},
		{"/l/x.log", "/l/x.log-20260101", true},
		{"/l/x.log", "/l/x-20260101.log", true},
		{"/l/x.log", "/l/x.log.old", true},
		{"/l/x.log.1", "/l/x.log.2.gz", true},
		{"/l/0.log", "/l/0.log.20260101-120000.gz", true},
		{"/l/x.log", "/l/x.log", false},
		{"/l/x.log.1", "/l/x.log", false},
		{"/l/x.log.1", "/l/x.log.2", false},
		{"/l/x.log", "/m/x.log.1", false},
		{"/l/x.log", "/l/y.log.1", false},
		{"/l/worker-1.log", "/l/worker-2.log", false},
	} {
		assert.Equal(t, c.copy, mayBeCopy(c.original, c.path), "%s %s", c.original, c.path)
	}
	assert.True(t, sameRotation("/l/x.log.1", "/l/x.log.2"))
	assert.False(t, sameRotation("/l/x.log", "/l/x.log.2"))
	assert.Equal(t, filepath.FromSlash("/l/1"), family("/l/1"))
}

func TestValidate(t *testing.T) {
	require.NoError(t, Config{Include: []string{"/x/*.log"}}.Validate())
	for want, c := range map[string]Config{
		"include: no pattern":            {},
		`include: "[" is not a pattern`:  {Include: []string{"["}},
		`exclude: "[" is not a pattern`:  {Include: []string{"x"}, Exclude: []string{"["}},
		"start_at: \"x\"":                {Include: []string{"x"}, StartAt: "x"},
		"compressed: \"x\"":              {Include: []string{"x"}, Compressed: "x"},
		"max_line: 3 is too small":       {Include: []string{"x"}, MaxLine: 3},
		"poll_interval: -1s is negative": {Include: []string{"x"}, PollInterval: -time.Second},
	} {
		require.ErrorContains(t, c.Validate(), want)
	}
}

// A new log begins with the banner of the old one, and is longer.
func TestRewrittenWithTheSameBanner(t *testing.T) {
	b := newBench(t)
	banner := strings.Repeat("#", 5000)
	b.write("a.log", banner+"\none\ntwo\n")
	b.start()
	b.want(banner, "one", "two")
	b.write("a.log", banner+"\nthree\nfour\nfive\n")
	b.want(banner, "one", "two", banner, "three", "four", "five")
}

// TestNumberedNamesAreNotComparedWithOneAnother: thousands of files of one family,
// with equal beginnings, are found at once.
func TestNumberedNamesAreNotComparedWithOneAnother(t *testing.T) {
	var newborn []entry
	for i := range 3000 {
		newborn = append(newborn, entry{path: fmt.Sprintf("/no/such/folder/app-%d.log", i)})
	}
	begun := time.Now()
	kept, again := new(scanner).withoutCopies(newborn)
	assert.Len(t, kept, len(newborn))
	assert.False(t, again)
	assert.Less(t, time.Since(begun), 20*time.Second, "a minute and more, each with each")
}

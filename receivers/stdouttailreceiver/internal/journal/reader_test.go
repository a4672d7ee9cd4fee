//go:build unix

package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The test binary plays journalctl, too: JOURNAL_TEST_DIR is its journal.
func TestMain(m *testing.M) {
	if dir := os.Getenv("JOURNAL_TEST_DIR"); dir != "" {
		os.Exit(playJournalctl(dir, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// playJournalctl knows what this package asks of journalctl. The file journal has a
// line per entry; script has a line per run, which may say that it dies.
func playJournalctl(dir string, args []string) int {
	calls, _ := os.OpenFile(filepath.Join(dir, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	fmt.Fprintln(calls, strings.Join(args, " "))
	_ = calls.Close()
	data, _ := os.ReadFile(filepath.Join(dir, "journal"))
	done, _ := os.ReadFile(filepath.Join(dir, "calls"))
	script, _ := os.ReadFile(filepath.Join(dir, "script"))
	plan := ""
	if lines := strings.Split(string(script), "\n"); bytes.Count(done, []byte("\n")) <= len(lines) {
		plan = lines[bytes.Count(done, []byte("\n"))-1]
	}
	value := func(option string) string {
		for _, a := range args {
			if v, ok := strings.CutPrefix(a, option+"="); ok {
				return v
			}
		}
		return ""
	}
	if slices.Contains(args, "--merge") && plan == "old" {
		fmt.Fprintln(os.Stderr, "Using --boot or --list-boots with --merge is not supported.")
		return 1
	}
	if value("--cursor") == "nonsense" {
		fmt.Fprintln(os.Stderr, "Failed to seek to cursor: Invalid argument")
		return 1
	}
	lines := strings.SplitAfter(string(data), "\n")
	lines = lines[:len(lines)-1]
	if value("--lines") == "1" {
		lines = lines[max(0, len(lines)-1):]
	}
	if c := value("--cursor"); c != "" {
		at := slices.IndexFunc(lines, func(l string) bool { return Parse([]byte(l)).Cursor >= c })
		if at < 0 {
			at = len(lines)
		}
		lines = lines[at:]
	}
	for i, l := range lines {
		fmt.Print(l)
		if plan == fmt.Sprintf("die after %d", i+1) {
			fmt.Print(`{"__CURSOR":"c9`)
			fmt.Fprintln(os.Stderr, "Segmentation fault")
			return 1
		}
	}
	if slices.Contains(args, "--follow") && plan != "end" {
		fmt.Fprintln(os.Stderr, "following")
		for {
			time.Sleep(time.Hour) // without cgo, waiting for nothing is a deadlock
		}
	}
	return 0
}

func line(i int) string { return fmt.Sprintf(`{"__CURSOR":"c%d","MESSAGE":"m%d"}`+"\n", i, i) }

func journalOf(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		b.WriteString(line(i))
	}
	return b.String()
}

// collector is a Handler.
type collector struct {
	mu       sync.Mutex
	messages []string
	problems []string
	begin    string
	stop     func([]string) error // asked after each entry
}

func (c *collector) Entry(_ context.Context, e *Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, string(e.Message))
	if e.Problem != "" {
		c.problems = append(c.problems, e.Problem)
	}
	return c.stop(c.messages)
}

func (c *collector) Begin(_ context.Context, cursor string) error {
	c.begin = cursor
	return nil
}

var errEnough = errors.New("enough")

// until stops at the nth entry.
func until(n int) func([]string) error {
	return func(all []string) error {
		if len(all) == n {
			return errEnough
		}
		return nil
	}
}

type fakeJournal struct {
	t    *testing.T
	dir  string
	mu   sync.Mutex
	logs []string
	// onLog is called for each message.
	onLog func(string)
}

func newFake(t *testing.T, journal, script string) *fakeJournal {
	t.Helper()
	f := &fakeJournal{t: t, dir: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, "journal"), []byte(journal), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, "script"), []byte(script), 0o600))
	t.Setenv("JOURNAL_TEST_DIR", f.dir)
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	return f
}

func (f *fakeJournal) run(cfg Config, cursor string, h Handler) error {
	f.t.Helper()
	cfg.Journalctl = os.Args[0]
	cfg.Initial = time.Millisecond
	cfg.Log = func(m string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.logs = append(f.logs, m)
		if f.onLog != nil {
			f.onLog(m)
		}
	}
	r, err := New(cfg)
	require.NoError(f.t, err)
	require.NoError(f.t, r.Check())
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	err = r.Run(ctx, cursor, h)
	require.NoError(f.t, ctx.Err(), "it took too long")
	return err
}

func (f *fakeJournal) calls() []string {
	data, err := os.ReadFile(filepath.Join(f.dir, "calls"))
	require.NoError(f.t, err)
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

const common = "--output=json --all --no-pager --quiet"

func TestReadFromBeginning(t *testing.T) {
	f := newFake(t, journalOf(1, 3), "\nend\n\nend")
	c := &collector{stop: until(3)}
	require.ErrorIs(t, f.run(Config{}, "", c), errEnough)
	assert.Equal(t, []string{"m1", "m2", "m3"}, c.messages)
	assert.Equal(t, []string{common}, f.calls())
}

func TestReadAfterCursor(t *testing.T) {
	f := newFake(t, journalOf(1, 4), "")
	c := &collector{stop: until(2)}
	require.ErrorIs(t, f.run(Config{}, "c2", c), errEnough)
	assert.Equal(t, []string{"m3", "m4"}, c.messages)
	assert.Equal(t, []string{common + " --cursor=c2"}, f.calls())
}

// The entry of the cursor is gone: nothing of what is left is passed over.
func TestCursorRotatedAway(t *testing.T) {
	f := newFake(t, journalOf(5, 7), "")
	c := &collector{stop: until(3)}
	require.ErrorIs(t, f.run(Config{}, "c2", c), errEnough)
	assert.Equal(t, []string{"m5", "m6", "m7"}, c.messages)
}

func TestCursorIsNone(t *testing.T) {
	f := newFake(t, journalOf(1, 2), "")
	c := &collector{stop: until(2)}
	require.ErrorIs(t, f.run(Config{}, "nonsense", c), errEnough)
	assert.Equal(t, []string{"m1", "m2"}, c.messages)
	assert.Contains(t, strings.Join(f.logs, "\n"), `cursor "nonsense" is none`)
}

// All is read first, then followed from the last entry; a journalctl that dies is
// started again after the last entry that was taken.
func TestFollowAndDie(t *testing.T) {
	f := newFake(t, journalOf(1, 3), "\nend\ndie after 1")
	appended := false
	f.onLog = func(m string) {
		if strings.Contains(m, "it ended") && !appended {
			appended = true
			_ = os.WriteFile(filepath.Join(f.dir, "journal"), []byte(journalOf(1, 6)), 0o600)
		}
	}
	c := &collector{stop: until(6)}
	require.ErrorIs(t, f.run(Config{}, "", c), errEnough)
	assert.Equal(t, []string{"m1", "m2", "m3", "m4", "m5", "m6"}, c.messages)
	assert.Equal(t, []string{
		common,
		common + " --follow --no-tail --cursor=c3",
		common + " --cursor=c3", // dies after the first line, which is c3 itself
		common + " --cursor=c3",
	}, f.calls())
	assert.Contains(t, f.logs, "journalctl: Segmentation fault")
}

func TestFromEnd(t *testing.T) {
	f := newFake(t, journalOf(1, 3), "\n\nend")
	appended := false
	f.onLog = func(m string) {
		if strings.Contains(m, "it ended") && !appended {
			appended = true
			_ = os.WriteFile(filepath.Join(f.dir, "journal"), []byte(journalOf(1, 5)), 0o600)
		}
	}
	c := &collector{stop: until(2)}
	require.ErrorIs(t, f.run(Config{FromEnd: true, Units: []string{"u"}}, "", c), errEnough)
	assert.Equal(t, []string{"m4", "m5"}, c.messages)
	assert.Equal(t, "c3", c.begin)
	assert.Equal(t, common+" --lines=1", f.calls()[0])
	assert.Equal(t, common+" --cursor=c3 --unit=u", f.calls()[1])
}

// With a cursor, start at the end has no say.
func TestFromEndWithCursor(t *testing.T) {
	f := newFake(t, journalOf(1, 3), "")
	c := &collector{stop: until(2)}
	require.ErrorIs(t, f.run(Config{FromEnd: true}, "c1", c), errEnough)
	assert.Equal(t, []string{"m2", "m3"}, c.messages)
	assert.Empty(t, c.begin)
}

func TestFromEndOfEmptyJournal(t *testing.T) {
	f := newFake(t, "", "\n\nend")
	f.onLog = func(m string) {
		if strings.Contains(m, "it ended") {
			_ = os.WriteFile(filepath.Join(f.dir, "journal"), []byte(journalOf(1, 2)), 0o600)
		}
	}
	c := &collector{stop: until(2)}
	require.ErrorIs(t, f.run(Config{FromEnd: true}, "", c), errEnough)
	assert.Equal(t, []string{"m1", "m2"}, c.messages)
}

func TestDirectoryMerges(t *testing.T) {
	f := newFake(t, journalOf(1, 1), "\nold\n\nend")
	f.onLog = func(m string) {
		if strings.Contains(m, "it ended") {
			_ = os.WriteFile(filepath.Join(f.dir, "journal"), []byte(journalOf(1, 2)), 0o600)
		}
	}
	c := &collector{stop: until(2)}
	require.ErrorIs(t, f.run(Config{Directory: "/j"}, "", c), errEnough)
	calls := f.calls()
	assert.Equal(t, common+" --directory=/j --follow --no-tail --merge --cursor=c1", calls[1])
	assert.Equal(t, common+" --directory=/j --cursor=c1", calls[2])
	assert.Contains(t, strings.Join(f.logs, "\n"), "does not know --follow with --merge")
	for _, call := range calls[2:] {
		assert.NotContains(t, call, "--merge")
	}
}

func TestArguments(t *testing.T) {
	cfg := Config{Units: []string{"a.service", "b*"}, Identifiers: []string{"x"}, Priority: "warning", Matches: []string{"_UID=0", "+", "_UID=1"}}
	assert.Equal(t, strings.Split(common+" --follow --no-tail --cursor=c --unit=a.service --unit=b* --identifier=x --priority=warning _UID=0 + _UID=1", " "),
		cfg.arguments(follow, "c", false))
}

func TestLinesThatAreNone(t *testing.T) {
	long := `{"__CURSOR":"c3","MESSAGE":"` + strings.Repeat("x", 10000) + `"}`
	f := newFake(t, line(1)+"garbage\n"+long+"\n"+line(4), "")
	c := &collector{stop: until(4)}
	require.ErrorIs(t, f.run(Config{MaxLine: minMaxLine}, "", c), errEnough)
	assert.Equal(t, []string{"m1", "garbage", long[:minMaxLine], "m4"}, c.messages)
	require.Len(t, c.problems, 2)
	assert.Contains(t, c.problems[1], strconv.Itoa(len(long)))
}

func TestContextEndsRun(t *testing.T) {
	f := newFake(t, journalOf(1, 2), "")
	cfg := Config{Journalctl: os.Args[0]}
	ctx, cancel := context.WithCancel(t.Context())
	following := make(chan struct{})
	cfg.Log = func(m string) {
		if m == "journalctl: following" {
			close(following)
		}
	}
	r, err := New(cfg)
	require.NoError(t, err)
	done := make(chan error)
	c := &collector{stop: until(-1)}
	go func() { done <- r.Run(ctx, "", c) }()
	<-following
	cancel()
	require.NoError(t, <-done)
	assert.Equal(t, []string{"m1", "m2"}, c.messages)
	assert.Len(t, f.calls(), 2)
}

// A handler that waits makes journalctl wait, and the end of the context ends both.
func TestBackPressure(t *testing.T) {
	newFake(t, journalOf(1, 200000), "")
	r, err := New(Config{Journalctl: os.Args[0]})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	entered := make(chan struct{})
	h := waiter{entered}
	done := make(chan error)
	go func() { done <- r.Run(ctx, "", h) }()
	<-entered
	cancel()
	require.NoError(t, <-done)
}

type waiter struct{ entered chan struct{} }

func (w waiter) Entry(ctx context.Context, _ *Entry) error {
	close(w.entered)
	<-ctx.Done()
	return ctx.Err()
}

func (w waiter) Begin(context.Context, string) error { return nil }

func TestNoJournalctl(t *testing.T) {
	r, err := New(Config{Journalctl: "/no/such/journalctl"})
	require.NoError(t, err)
	require.ErrorContains(t, r.Check(), "/no/such/journalctl")
	require.ErrorContains(t, r.Run(t.Context(), "", &collector{}), "/no/such/journalctl")
}

func TestValidate(t *testing.T) {
	f := func(cfg Config, want ...string) {
		t.Helper()
		_, err := New(cfg)
		if len(want) == 0 {
			require.NoError(t, err)
		}
		for _, w := range want {
			require.ErrorContains(t, err, w)
		}
	}
	f(Config{})
	f(Config{Priority: "err", Matches: []string{"_UID=0", "+", "A_B=x=y"}, Units: []string{"a"}})
	f(Config{Priority: "0..warning"})
	f(Config{Priority: "8"}, "priority")
	f(Config{Priority: "err.."}, "priority")
	f(Config{Priority: "07"}, "priority")
	f(Config{Matches: []string{"+"}}, "matches[0]")
	f(Config{Matches: []string{"--vacuum-size=1"}}, "matches[0]")
	f(Config{Matches: []string{"/usr/bin/x"}}, "matches[0]")
	f(Config{Units: []string{""}, Identifiers: []string{"\x00"}}, "units[0]", "identifiers[0]")
	f(Config{MaxLine: 1, Initial: -1}, "max line", "initial")
	f(Config{Initial: 2, Max: 1}, "initial")
}

func TestReadLine(t *testing.T) {
	in := bufio.NewReaderSize(strings.NewReader("\nabc\n"+strings.Repeat("x", 50)+"\nrest"), 16)
	f := func(want string, wantDropped int, wantErr bool) {
		t.Helper()
		l, dropped, err := readLine(in, 20)
		assert.Equal(t, want, string(l))
		assert.Equal(t, wantDropped, dropped)
		assert.Equal(t, wantErr, err != nil)
	}
	f("", 0, false)
	f("abc", 0, false)
	f(strings.Repeat("x", 20), 30, false)
	f("", 0, true)
}

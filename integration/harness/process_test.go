package harness

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const long = 20 * time.Second

func TestRunGivesOutputAndStatus(t *testing.T) {
	t.Setenv(programEnv, "echo")
	t.Setenv("HARNESS_TEST_VALUE", "v")
	result := Run(t, os.Args[0], "a", "b")
	assert.Equal(t, Result{Stdout: "to stdout [a b]\n", Stderr: "to stderr v\n", Code: 3}, result)
}

func TestRunNamesAProgramThatIsNotThere(t *testing.T) {
	tb := newRecorder()
	tb.run(func() { Run(tb, "/no/such/program", "argument") })
	assert.True(t, tb.Failed())
	assert.Contains(t, tb.end(), "/no/such/program argument")
}

func TestStdoutOfItsOwn(t *testing.T) {
	t.Setenv(programEnv, "echo")
	var stdout strings.Builder
	p := StartProcess(t, Command{Path: os.Args[0], Stdout: &stdout})
	assert.Equal(t, 3, p.Wait(t, long))
	assert.Equal(t, "to stdout []\n", stdout.String())
	assert.Equal(t, "to stderr \n", p.Output())
}

func TestStopWaitsForACleanEnd(t *testing.T) {
	p := startProgram(t, "obedient")
	p.WaitOutput(t, "ready", long)
	p.Stop(t)
	assert.Contains(t, p.Output(), "got terminated")
	requireGone(t, p.PID())
}

func TestInterruptSendsCtrlC(t *testing.T) {
	p := startProgram(t, "obedient")
	p.WaitOutput(t, "ready", long)
	p.Interrupt(t)
	assert.Zero(t, p.Wait(t, long))
	assert.Contains(t, p.Output(), "got interrupt")
}

func TestStopFailsOnAnotherStatusThanZero(t *testing.T) {
	tb := newRecorder()
	tb.run(func() {
		p := startProgram(tb, "disobedient")
		p.WaitOutput(tb, "ready", long)
		p.Stop(tb)
	})
	assert.True(t, tb.Failed())
	assert.Contains(t, tb.end(), "exit status 7")
}

func TestPauseAndResume(t *testing.T) {
	p := startProgram(t, "obedient")
	p.WaitOutput(t, "ready", long)
	p.Pause(t)
	require.Eventually(t, func() bool { return state(t, p.PID()) == "T" }, long, time.Millisecond)
	p.Terminate(t) // is delivered only once the process goes on
	assert.Equal(t, "T", state(t, p.PID()))
	p.Resume(t)
	assert.Zero(t, p.Wait(t, long))
}

func TestPausedProcessIsCleanedUp(t *testing.T) {
	var pid int
	tb := newRecorder()
	tb.run(func() {
		p := startProgram(tb, "sleep")
		p.WaitOutput(tb, "ready", long)
		p.Pause(tb)
		pid = p.PID()
	})
	tb.end()
	assert.False(t, tb.Failed())
	requireGone(t, pid)
}

func state(t *testing.T, pid int) string {
	t.Helper()
	state, _, ok := readStat(pid)
	require.True(t, ok)
	return state
}

func TestKillTakesTheChildrenToo(t *testing.T) {
	p := startProgram(t, "parent")
	child := childOf(t, p)
	assert.Equal(t, []int{child}, p.Descendants(t))
	p.Kill()
	requireGone(t, p.PID())
	requireGone(t, child)
}

func TestChildrenDontOutliveTheirParent(t *testing.T) {
	p := startProgram(t, "parent")
	child := childOf(t, p)
	p.Signal(t, syscall.SIGKILL)
	assert.Equal(t, -1, p.Wait(t, long))
	requireGone(t, child)
}

func childOf(t *testing.T, p *Process) int {
	t.Helper()
	p.WaitOutput(t, "\n", long)
	child, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(p.Output()), "child "))
	require.NoError(t, err)
	require.True(t, Alive(child))
	return child
}

func TestEndByItselfFailsTheTest(t *testing.T) {
	tb := newRecorder()
	tb.run(func() {
		p := startProgram(tb, "echo", "x")
		<-p.Done()
	})
	said := tb.end()
	assert.True(t, tb.Failed())
	assert.Contains(t, said, "echo ended by itself during the test: exit status 3")
	assert.Contains(t, said, "to stderr set", "the output is to be shown")
}

func TestPanicOfTheProgramFailsTheTest(t *testing.T) {
	tb := newRecorder()
	tb.run(func() { startProgram(tb, "panic").Wait(tb, long) })
	said := tb.end()
	assert.True(t, tb.Failed())
	assert.Contains(t, said, `"panic: as asked"`)
}

func TestWaitOutputSaysWhatIsMissing(t *testing.T) {
	t.Run("the program goes on", func(t *testing.T) {
		tb := newRecorder()
		tb.run(func() { startProgram(tb, "sleep").WaitOutput(tb, "never said", 10*time.Millisecond) })
		assert.Contains(t, tb.end(), `sleep hasn't printed "never said" in 10ms`)
	})
	t.Run("the program has ended", func(t *testing.T) {
		tb := newRecorder()
		tb.run(func() { startProgram(tb, "echo").WaitOutput(tb, "never said", long) })
		assert.Contains(t, tb.end(), `echo ended (exit status 3) without printing "never said"`)
	})
}

// Whatever becomes of the test process, what it had started ends with it.
func TestNothingOutlivesTheTestProcess(t *testing.T) {
	for _, end := range []string{"panic", "exit", "hang"} {
		t.Run(end, func(t *testing.T) {
			tb := newRecorder() // the tester is meant to break
			tb.run(func() {
				tester := startProgram(tb, "tester", end)
				tester.WaitOutput(tb, "child ", long)
				first, _, _ := strings.Cut(tester.Output(), "\n")
				child, err := strconv.Atoi(strings.TrimPrefix(first, "child "))
				require.NoError(t, err)
				if end == "hang" {
					assert.True(t, Alive(child))
					tester.Signal(tb, syscall.SIGKILL)
				}
				assert.NotZero(t, tester.Wait(tb, long))
				requireGone(t, child)
			})
			tb.end()
		})
	}
}

func TestOutputKeepsTheEnd(t *testing.T) {
	out := newOutput()
	line := strings.Repeat("x", 1023) + "\n"
	for range maxOutput/len(line) + 1 {
		_, _ = out.Write([]byte(line))
	}
	_, _ = out.Write([]byte("the last\n"))
	text := out.String()
	assert.LessOrEqual(t, len(text), maxOutput)
	assert.GreaterOrEqual(t, len(text), maxOutput/4)
	assert.True(t, strings.HasPrefix(text, line), "begins with a whole line")
	assert.True(t, strings.HasSuffix(text, "the last\n"))
	assert.Equal(t, "...\nthe last", out.tail(1))
	_, _ = out.Write([]byte(`info	Ready	{"resource": {"service.name": "x"}, "error": "e"}`))
	assert.Equal(t, "...\n"+`info	Ready	{"error": "e"}`, out.tail(1))
}

package child

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// console is a terminal that we play to the program: it has the slave, we the master.
//
//	our stdin -> master -> slave -> program -> slave -> master -> Stream
//
// Where our own stdin is a terminal, it is made raw, so that each key reaches the
// program's, which does with it what terminals do: echo it, or make a signal of it.
type console struct {
	master *os.File
	stdin  io.Reader
	screen *os.File
	ours   *os.File    // our terminal, if stdin is one in our hands
	before *term.State // what it was
	isRaw  atomic.Bool
	resize chan os.Signal
	once   sync.Once
}

// Without a terminal of ours to take the size from.
const defaultRows, defaultColumns = 24, 80

func openConsole(spec Spec) (_ *console, slave *os.File, err error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open a terminal for the program: %w", err)
	}
	c := &console{master: master, stdin: spec.Stdin, screen: spec.Screen, resize: make(chan os.Signal, 1)}
	defer func() {
		if err != nil {
			_ = master.Close()
		}
	}()
	var number uint32
	if err := c.control(func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetUint32(fd, unix.TIOCGPTN)
		}
		return err
	}); err != nil {
		return nil, nil, fmt.Errorf("unlock the program's terminal: %w", err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.FormatUint(uint64(number), 10), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open the program's terminal: %w", err)
	}
	if file, ok := spec.Stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) && Foreground() {
		c.ours = file
	}
	if c.ours == nil {
		if err := plainOutput(slave, c.stdin); err != nil {
			_ = slave.Close()
			return nil, nil, fmt.Errorf("set up the program's terminal: %w", err)
		}
	}
	c.setSize()
	return c, slave, nil
}

// plainOutput keeps the terminal from adding carriage returns, and what comes from a
// file from appearing in the output.
func plainOutput(slave *os.File, _ io.Reader) error {
	settings, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	settings.Oflag &^= unix.ONLCR
	settings.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, settings)
}

// control runs f with the master's descriptor, which stays in the poller's hands.
func (c *console) control(f func(fd int) error) error {
	conn, err := c.master.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func (c *console) setSize() {
	size := &unix.Winsize{Row: defaultRows, Col: defaultColumns}
	if c.screen != nil {
		if s, err := unix.IoctlGetWinsize(int(c.screen.Fd()), unix.TIOCGWINSZ); err == nil && s.Row > 0 && s.Col > 0 {
			size = s
		}
	}
	_ = c.control(func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
}

// run begins to pass on what is typed and how large the window is.
func (c *console) run() {
	if c.ours != nil {
		if state, err := term.MakeRaw(int(c.ours.Fd())); err == nil {
			c.before = state
			c.isRaw.Store(true)
		}
	}
	signal.Notify(c.resize, syscall.SIGWINCH)
	go func() {
		for range c.resize {
			c.setSize()
		}
	}()
	if c.stdin == nil {
		return
	}
	// It ends with our stdin, or stays in its last read until the process ends.
	go func() {
		_, err := io.Copy(struct{ io.Writer }{c.master}, struct{ io.Reader }{c.stdin})
		if err == nil {
			_, _ = c.master.Write([]byte{endOfFile})
		}
	}()
}

const endOfFile = 0x04 // Ctrl-D

func (c *console) raw() bool { return c.isRaw.Load() }

// close gives our terminal back as it was.
func (c *console) close() {
	c.once.Do(func() {
		signal.Stop(c.resize)
		close(c.resize)
		if c.before != nil {
			_ = term.Restore(int(c.ours.Fd()), c.before)
			c.isRaw.Store(false)
		}
	})
}

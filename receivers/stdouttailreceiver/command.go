package stdouttailreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/command"
)

// commandCapture runs a program and reads what it writes.
type commandCapture struct {
	in      *intake
	cfg     *commandConfig
	program *command.Program
	signals chan os.Signal
	ended   chan struct{} // closed when the program has ended for good
}

func newCommandCapture(in *intake, cfg *commandConfig) (*commandCapture, error) {
	program, err := command.New(command.Config{
		Argv: cfg.Argv, Dir: cfg.Dir, Env: cfg.Env, User: cfg.User, Grace: cfg.Grace,
		Restart: command.Restart{
			Policy: command.Policy(cfg.Restart.Policy), Initial: cfg.Restart.InitialInterval, Max: cfg.Restart.MaxInterval,
			ResetAfter: cfg.Restart.MaxInterval,
		},
	})
	if err != nil {
		return nil, err
	}
	return &commandCapture{in: in, cfg: cfg, program: program, ended: make(chan struct{})}, nil
}

func (c *commandCapture) start(context.Context, component.Host) error {
	if err := c.program.Start(c); err != nil {
		return err
	}
	c.in.tel.ReceiverStdoutTailCommandStarts.Add(c.in.work, 1) //nolint:contextcheck // what is received has a context of its own, which outlives Start
	c.signals = make(chan os.Signal, 8)
	if len(passedOn) > 0 { // none would mean all
		signal.Notify(c.signals, passedOn...)
	}
	go c.watch()
	return nil
}

// watch passes signals on until the program has ended for good.
func (c *commandCapture) watch() {
	defer close(c.ended)
	for {
		select {
		case s := <-c.signals:
			if err := c.program.Signal(s); err != nil {
				c.in.set.Logger.Warn("Cannot pass a signal on", zap.Stringer("signal", s), zap.Error(err))
			}
		case <-c.program.Done():
			signal.Stop(c.signals)
			if c.cfg.OnExit == "shutdown" && !c.in.isClosing() {
				c.in.endCollector(errProgramEnded)
			}
			return
		}
	}
}

var errProgramEnded = errors.New("the program has ended, and everything it wrote is delivered (on_exit: shutdown)")

// Stream reads one of the program's streams to its end.
func (c *commandCapture) Stream(name string, r io.Reader) {
	p := newPipe(r, int(c.cfg.MaxBufferSize), c.cfg.OnFull == "drop_newest")
	from := c.in.baseSource()
	from.Origin.Attributes = []logrecord.Attribute{{Key: attrIOStream, Value: name}}
	d := c.in.newDrain(p, "lines", from)
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read()
	}()
	if err := d.run(); !errors.Is(err, io.EOF) {
		c.in.set.Logger.Error("Cannot read the program's output any more", zap.String("stream", name), zap.Error(err))
	}
	<-read
}

// Exited makes a record of an exit.
func (c *commandCapture) Exited(e command.Exit) {
	if e.Restart {
		c.in.tel.ReceiverStdoutTailCommandStarts.Add(c.in.work, 1)
	}
	text, t := exitText(c.cfg.Argv, &e)
	s := c.in.newSink()
	s.clock()
	origin := c.in.baseSource().Origin
	s.batch.AddText(text, t, &origin)
	_ = s.deliver() // an error has been counted
}

const eventExit = "process.exit"

func exitText(argv []string, e *command.Exit) (string, *logrecord.Text) {
	name := filepath.Base(argv[0])
	t := &logrecord.Text{
		Own: true, EventName: eventExit, Severity: severity.Info, SeverityText: "INFO", PID: int64(e.PID),
		Fields: []logrecord.Field{{Key: "process.command", Text: strings.Join(argv, " ")}},
	}
	var how string
	switch {
	case e.PID == 0:
		how = fmt.Sprintf("could not be started: %v", e.Err)
	case e.Signal != "":
		how = "was ended by " + e.Signal
		t.Fields = append(t.Fields, logrecord.Field{Key: "process.exit.signal", Text: e.Signal})
	default:
		how = fmt.Sprintf("ended with status %d", e.Code)
		t.Fields = append(t.Fields, logrecord.Field{Key: "process.exit.code", Kind: logrecord.IntField, Int: int64(e.Code)})
	}
	if e.PID != 0 {
		t.Fields = append(t.Fields, logrecord.Field{Key: "heartwood.process.duration", Kind: logrecord.FloatField, Float: e.Duration.Seconds()})
		how += " after " + e.Duration.Round(time.Millisecond).String()
	}
	if e.Cut {
		how += "; another process holds its output, the rest of which is lost"
	}
	switch {
	case e.Restart:
		how += "; it is started again in " + e.Next.Round(time.Millisecond).String()
	case e.Stopped:
		how += "; it was told to stop"
	}
	if e.Failed() && !e.Stopped {
		t.Severity, t.SeverityText = severity.Error, "ERROR"
	}
	text := name + " " + how
	t.Body = text
	return text, t
}

func (c *commandCapture) shutdown(ctx context.Context) error {
	err := c.program.Stop(ctx)
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.in.stopWork() // deliveries give up, and what reads the output returns
		<-c.ended
	}
	return err
}

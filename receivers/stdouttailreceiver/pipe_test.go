package stdouttailreceiver

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chunks is a reader whose reads bring one element each.
type chunks struct{ left []string }

func (c *chunks) Read(buf []byte) (int, error) {
	if len(c.left) == 0 {
		return 0, io.EOF
	}
	n := copy(buf, c.left[0])
	c.left = c.left[1:]
	return n, nil
}

func TestPipeGivesWhatItReads(t *testing.T) {
	text := strings.Repeat("some line of text\n", 100_000)
	p := newPipe(iotest.HalfReader(strings.NewReader(text)), 0, false)
	go p.read()
	var got bytes.Buffer
	for {
		c, ok, err := p.next()
		if ok {
			got.Write(c.data)
			p.done(c)
			continue
		}
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		<-p.ready
	}
	assert.Equal(t, text, got.String())
}

func TestPipeMakesTheWriterWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe()
		p := newPipe(read, 0, false)
		go p.read()
		written := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 20 {
				n, _ := write.Write(make([]byte, pipeReadSize))
				written += n
			}
			_ = write.Close()
		}()
		synctest.Wait()
		// One more than is held may have been read and wait for room.
		assert.LessOrEqual(t, written, pipeAhead+2*pipeReadSize)
		total := 0
		for {
			c, ok, err := p.next()
			if ok {
				total += len(c.data)
				p.done(c)
				continue
			}
			if err != nil {
				break
			}
			<-p.ready
		}
		<-done
		assert.Equal(t, 20*pipeReadSize, total)
	})
}

func TestPipeDropsWholeLines(t *testing.T) {
	// Four reads fill the buffer; what comes then is dropped up to a line's end.
	full := strings.Repeat("x", pipeReadSize-1)
	src := &chunks{left: []string{full + "\n", full + "\n", full + "\n", full + "y", "end\nlost 1\nlost 2\nlo", "st 3\nkept no more\nhal", "f\n"}}
	p := newPipe(src, 4*pipeReadSize, true)
	p.read()
	var got []string
	var lines, size int64
	for {
		c, ok, err := p.next()
		if !ok {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		lines += c.lostLines
		size += c.lostBytes
		got = append(got, strings.ReplaceAll(string(c.data), full, "X"))
	}
	assert.Equal(t, []string{"X\n", "X\n", "X\n", "Xy", "end\n", ""}, got)
	assert.Equal(t, int64(5), lines)
	assert.Equal(t, int64(len("lost 1\nlost 2\nlost 3\nkept no more\nhalf\n")), size)
}

func TestPipeTakesAgainAfterALoss(t *testing.T) {
	src := &chunks{left: []string{strings.Repeat("x", pipeReadSize-1) + "\n"}}
	p := newPipe(src, pipeReadSize, true)
	p.read()
	p.err = nil
	src.left = []string{"lost\n", "lost too\nand th"}
	p.read()
	c, ok, _ := p.next()
	require.True(t, ok)
	p.done(c)
	p.err = nil
	src.left = []string{"is\nkept\n"}
	p.read()
	c, ok, _ = p.next()
	require.True(t, ok)
	assert.Equal(t, "kept\n", string(c.data))
	assert.Equal(t, int64(3), c.lostLines)
	assert.Equal(t, int64(len("lost\nlost too\nand this\n")), c.lostBytes)
}

func TestClosedPipeKeepsWhatItHasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe()
		p := newPipe(read, 0, false)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.read()
		}()
		_, _ = fmt.Fprintln(write, "before")
		synctest.Wait()
		p.close()
		go func() { _, _ = fmt.Fprintln(write, "the last one") }()
		<-ended
		var got []byte
		for {
			c, ok, err := p.next()
			if !ok {
				require.ErrorIs(t, err, errStopped)
				break
			}
			got = append(got, c.data...)
		}
		assert.Equal(t, "before\nthe last one\n", string(got))
	})
}

// idle reports whether everything that was read so far has been taken.
func (p *pipe) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken > 0 && len(p.chunks) == 0
}

// smallReads is a program that writes a line at a time.
type smallReads struct{ left int }

func (r *smallReads) Read(buf []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	r.left--
	return copy(buf, "a line of fifty bytes, as a program writes at once\n"), nil
}

func TestSmallReadsShareMemory(t *testing.T) {
	p := newPipe(&smallReads{left: 20_000}, 2<<20, true)
	p.read()
	assert.LessOrEqual(t, len(p.chunks), p.held/pipeReadSize+1)
}

package spool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heartwood-otel/heartwood/internal/crashfs"
	"github.com/heartwood-otel/heartwood/internal/diskfs"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowFS takes a time for each sync of a file.
type slowFS struct {
	diskfs.FS
	sync func()
}

func (f slowFS) Create(path string) (diskfs.File, error) {
	file, err := f.FS.Create(path)
	return slowFile{file, f.sync}, err
}

type slowFile struct {
	diskfs.File
	sync func()
}

func (f slowFile) Sync() error {
	f.sync()
	return f.File.Sync()
}

// TestASlowDisk: a sync takes from no time to longer than senders wait. They are told, all
// that come meanwhile share the next sync, no more than so much waits in memory, and what
// was accepted is there after a power loss.
func TestASlowDisk(t *testing.T) {
	const senders, rounds, patience = 40, 10, 5 * time.Second
	for _, slow := range []time.Duration{0, time.Second, 3 * time.Second, 8 * time.Second} {
		t.Run(slow.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs := crashfs.New()
				var mu sync.Mutex
				var syncs, told, most int
				var took time.Duration // at the longest, of a sender
				accepted := make(map[string]bool)
				s := open(t, slowFS{fs, func() {
					mu.Lock()
					syncs++
					mu.Unlock()
					time.Sleep(slow)
				}}, Settings{})
				var work sync.WaitGroup
				for sender := range senders {
					work.Go(func() {
						time.Sleep(time.Duration(sender) * 10 * time.Millisecond)
						for round := range rounds {
							text := fmt.Sprintf("%d/%d %s", sender, round, strings.Repeat("x", 5000))
							began := time.Now()
							ctx, cancel := context.WithTimeout(t.Context(), patience)
							_, err := s.Append(ctx, Batch{Records: [][]byte{[]byte(text)}})
							cancel()
							s.mu.Lock()
							waiting := s.pendingBytes
							s.mu.Unlock()
							mu.Lock()
							switch {
							case err == nil:
								accepted[text] = true
							case errors.Is(err, context.DeadlineExceeded):
								told++
							default:
								t.Error(err)
							}
							took, most = max(took, time.Since(began)), max(most, waiting)
							mu.Unlock()
						}
					})
				}
				work.Wait()
				assert.LessOrEqual(t, took, patience)
				assert.LessOrEqual(t, most, maxPending+6000)
				if slow < patience/2 {
					assert.Zero(t, told)
				}
				if slow > patience {
					assert.Equal(t, senders*rounds, told)
				} else {
					assert.NotEmpty(t, accepted)
				}
				if slow > 0 {
					assert.Less(t, syncs, 5*rounds, "senders share a sync")
				}
				after := fs.Restart(nil) // as it was on the disk at this moment
				require.NoError(t, s.Close())
				s = open(t, after, Settings{})
				there := make(map[string]bool)
				for _, text := range drain(t, s) {
					there[text] = true
				}
				for text := range accepted {
					assert.True(t, there[text], text[:8])
				}
				require.NoError(t, s.Close())
			})
		})
	}
}

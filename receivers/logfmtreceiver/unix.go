package logfmtreceiver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
)

type unixServer struct {
	streamServer
	cfg  *unixConfig
	made os.FileInfo // the socket as we made it
}

func newUnixServer(r *logfmtReceiver, cfg *unixConfig) (server, error) {
	in, err := newIntake(r, "unix")
	if err != nil {
		return nil, err
	}
	return &unixServer{streamServer: streamServer{in: in, set: &cfg.streamConfig}, cfg: cfg}, nil
}

// start makes the socket under another name, gives it its mode, and then its name:
// nobody can connect before the mode holds.
func (s *unixServer) start(ctx context.Context, host component.Host) error {
	mode, err := s.cfg.fileMode()
	if err != nil {
		return err
	}
	if err := clearStale(ctx, s.cfg.Path); err != nil {
		return err
	}
	name := filepath.Join(filepath.Dir(s.cfg.Path), "."+filepath.Base(s.cfg.Path)+".new")
	_ = os.Remove(name)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", name)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.cfg.Path, err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	err = os.Chmod(name, mode)
	if err == nil {
		s.made, err = os.Lstat(name)
	}
	if err == nil {
		err = os.Rename(name, s.cfg.Path)
	}
	if err != nil {
		_ = listener.Close()
		_ = os.Remove(name)
		return fmt.Errorf("make socket %s with mode %s: %w", s.cfg.Path, s.cfg.Mode, err)
	}
	s.listener = listener
	s.in.logListening("unix", s.cfg.Path)
	s.serve(host) //nolint:contextcheck // connections outlive the context of Start
	return nil
}

// shutdown removes the socket first, so that senders see at once that nobody
// listens, unless another has put his own in its place.
func (s *unixServer) shutdown(ctx context.Context) error {
	if now, err := os.Lstat(s.cfg.Path); err == nil && os.SameFile(now, s.made) {
		_ = os.Remove(s.cfg.Path)
	}
	return s.streamServer.shutdown(ctx)
}

// clearStale removes a socket that a process left behind when it was killed. A
// socket that answers, and a file that is none, are errors.
func clearStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("path %s is a %s, not a socket: remove it or choose another path", path, kindOf(info.Mode()))
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("path %s is the socket of a running process: stop it or choose another path", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("path %s is a socket that may be in use: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the stale socket %s: %w", path, err)
	}
	return nil
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode.IsRegular():
		return "file"
	}
	return "special file"
}

package web

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// shutdownGrace is how long requests under way may take to end. Shorter than the
// ten seconds after which most supervisors kill.
const shutdownGrace = 5 * time.Second

// Serve listens on address until ctx ends, then lets the requests under way
// finish. listening is called with the address once connections are accepted.
func Serve(ctx context.Context, address string, h http.Handler, errorLog *log.Logger, listening func(net.Addr)) error {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           h,
		ErrorLog:          errorLog,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	var silent silentConnections
	server.ConnState = silent.follow
	listening(listener.Addr())

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", address, err)
	case <-ctx.Done():
	}
	// ctx has ended, and those who are being served get their grace all the same.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	silent.close()
	err = server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(fmt.Errorf("requests were still under way after %v", shutdownGrace), server.Close())
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// silentConnections are those over which nothing has come yet. A client's
// transport opens some in reserve, and Shutdown would wait five seconds for each.
type silentConnections struct {
	mu sync.Mutex
	// mu guards the following.
	open map[net.Conn]struct{}
}

func (s *silentConnections) follow(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state != http.StateNew {
		delete(s.open, c)
		return
	}
	if s.open == nil {
		s.open = make(map[net.Conn]struct{})
	}
	s.open[c] = struct{}{}
}

func (s *silentConnections) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close()
	}
}

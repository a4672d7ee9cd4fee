package viewerexporter

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/metadata"
)

const (
	// maxWrite is how long the reader of an answer may take for it, a tail's for each event.
	maxWrite = time.Minute
	// endGrace is what answers have at the end. What waits for it is the whole Collector.
	endGrace = 3 * time.Second
)

// server serves the page and its API.
type server struct {
	cfg *Config
	set exporter.Settings
	tel *metadata.TelemetryBuilder
	api *api

	http    *http.Server
	address string
	token   string
	work    sync.WaitGroup
}

func newServer(a *api, cfg *Config, set exporter.Settings, tel *metadata.TelemetryBuilder) *server {
	s := &server{cfg: cfg, set: set, tel: tel, api: a}
	if !cfg.Auth.HasValue() {
		if s.token = string(cfg.Token); s.token == "" {
			s.token = newToken()
		}
	}
	return s
}

func (s *server) refuse(reason string) {
	s.tel.ExporterViewerRefusedRequests.Add(context.Background(), 1, metric.WithAttributes(attribute.String("reason", reason)))
}

func (s *server) start(ctx context.Context, host component.Host) error {
	listener, err := s.cfg.NetAddr.Listen(ctx)
	if err != nil {
		return fmt.Errorf("endpoint: listen on %s: %w", s.cfg.NetAddr.Endpoint, err)
	}
	s.address = listener.Addr().String()
	var secure *tls.Config
	if s.cfg.TLS.HasValue() {
		if secure, err = s.cfg.TLS.Get().LoadTLSConfig(context.WithoutCancel(ctx)); err != nil {
			_ = listener.Close()
			return fmt.Errorf("load tls: %w", err)
		}
		secure.NextProtos = []string{"h2", "http/1.1"}
		listener = tls.NewListener(listener, secure)
	}
	hosts := map[string]bool{"localhost": true}
	for _, name := range append(s.cfg.AllowedHosts, hostOf(s.cfg.NetAddr.Endpoint)) {
		hosts[strings.TrimSuffix(strings.ToLower(name), ".")] = true
	}
	delete(hosts, "")
	s.api.refuse = s.refuse
	entry := &guard{
		next: bounded(s.api.handler()), hosts: hosts, token: s.token, cookie: cookieName(s.address), secure: secure != nil, refuse: s.refuse,
	}
	if s.http, err = s.cfg.ToServer(ctx, host.GetExtensions(), s.set.TelemetrySettings, entry); err != nil {
		_ = listener.Close()
		return err
	}
	// What strangers do wrong with TLS or HTTP is not the operator's error.
	if s.http.ErrorLog, err = zap.NewStdLogAt(s.set.Logger, zapcore.DebugLevel); err != nil {
		_ = listener.Close()
		return err
	}
	s.set.Logger.Info("The page is at "+s.url(secure != nil), zap.Bool("needs_token", s.token != ""))
	s.work.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// bounded lets go of readers that take nothing: each holds one of the queries that there may be.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxWrite)) // TestWritesAreBounded
		next.ServeHTTP(w, r)
	})
}

// url is what a person opens.
func (s *server) url(secure bool) string {
	u := url.URL{Scheme: "http", Path: "/", Host: s.address}
	if secure {
		u.Scheme = "https"
	}
	if s.cfg.NetAddr.Transport == "unix" {
		return "the socket " + s.address
	}
	if host, port, err := net.SplitHostPort(s.address); err == nil {
		if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
			host = "localhost"
		}
		u.Host = net.JoinHostPort(host, port)
	}
	if s.token != "" && s.cfg.Token == "" { // one that was configured is a secret of the operator's
		u.RawQuery = url.Values{"token": {s.token}}.Encode()
	}
	return u.String()
}

func hostOf(endpoint string) string {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return ""
	}
	return host
}

// shutdown ends tails, waits for other answers for endGrace, or until ctx ends, and then cuts
// them off.
func (s *server) shutdown(ctx context.Context) error {
	if s.http == nil {
		return nil
	}
	s.api.end()
	ctx, cancel := context.WithTimeout(ctx, endGrace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if ctx.Err() != nil {
		err = s.http.Close()
	}
	s.work.Wait()
	return err
}

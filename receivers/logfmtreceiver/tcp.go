package logfmtreceiver

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

type tcpServer struct {
	streamServer
	cfg *tcpConfig
}

func newTCPServer(r *logfmtReceiver, cfg *tcpConfig) (server, error) {
	in, err := newIntake(r, "tcp")
	if err != nil {
		return nil, err
	}
	return &tcpServer{streamServer: streamServer{in: in, set: &cfg.streamConfig}, cfg: cfg}, nil
}

func (s *tcpServer) start(ctx context.Context, host component.Host) error {
	if s.cfg.TLS.HasValue() {
		// The context is that of a certificate's reloading, not of Start.
		set, err := s.cfg.TLS.Get().LoadTLSConfig(context.WithoutCancel(ctx))
		if err != nil {
			return fmt.Errorf("load tls: %w", err)
		}
		s.secure = func(conn net.Conn) (net.Conn, error) {
			secured := tls.Server(conn, set)
			return secured, secured.HandshakeContext(s.in.work)
		}
	}
	listener, err := s.cfg.Listen(ctx)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.cfg.Endpoint, err)
	}
	s.listener = listener
	s.in.logListening("tcp", listener.Addr().String(), zap.Bool("tls", s.secure != nil))
	s.serve(host) //nolint:contextcheck // connections outlive the context of Start
	return nil
}

package soak

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "soak"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	a := &authority{cert: cert, key: key, path: filepath.Join(t.TempDir(), "ca.pem")}
	writePEM(t, a.path, "CERTIFICATE", der)
	return a
}

// issue puts a certificate of a number, and its key, into a directory.
func (a *authority) issue(t *testing.T, dir string, number int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	writePEM(t, filepath.Join(dir, "server.key"), "PRIVATE KEY", private)
	writePEM(t, filepath.Join(dir, "server.pem"), "CERTIFICATE", der)
}

// writePEM changes a file at once, as those do that renew certificates.
func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

// TestCertificateChanged: while records flow, the gateway's certificate becomes another,
// then one that the agent does not trust, then a good one again. The agent holds what it
// can't hand over, and goes on by itself.
func TestCertificateChanged(t *testing.T) {
	t.Parallel()
	dir, ours, other := t.TempDir(), newAuthority(t), newAuthority(t)
	ours.issue(t, dir, 101)
	b := newBed(t, func(s *settings) {
		s.TLS = "{ca_file: " + ours.path + "}"
		s.ServerTLS = fmt.Sprintf(", tls: {cert_file: %s/server.pem, key_file: %s/server.key, reload_interval: 100ms}", dir, dir)
	})
	l := newLoad(t, b, 10, 50*time.Millisecond)
	b.start(t)
	shows := func(number int64) {
		t.Helper()
		waitFor(t, time.Minute, fmt.Sprintf("the gateway to show certificate %d", number), func() (bool, string) {
			dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}
			conn, err := dialer.DialContext(t.Context(), "tcp", b.gateway.Addr(t, "grpc"))
			if err != nil {
				return false, err.Error()
			}
			defer func() { _ = conn.Close() }()
			got := conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
			return got == number, fmt.Sprintf("it shows %d", got)
		})
	}
	shows(101)
	l.start(t.Context())
	rounds := scaled(t, 1, 5)
	for round := range int64(rounds) {
		ours.issue(t, dir, 200+round)
		shows(200 + round)
		l.tcp.kills.Add(1)
		b.agent.Kill() // and it connects anew
		b.agent.Start(t)
		took(t, l)
		b.waitThrough(t, l)

		other.issue(t, dir, 300+round)
		shows(300 + round)
		b.gateway.Stop(t) // and the agent connects anew, in vain
		b.gateway.Start(t)
		b.agent.WaitOutput(t, "certificate signed by unknown authority", time.Minute)
		took(t, l)

		ours.issue(t, dir, 400+round)
		shows(400 + round)
		b.waitThrough(t, l)
	}
	l.finish(t)
	b.requireConserved(t, l, 2*time.Minute)
}

// waitThrough waits until what the agent has taken by now is in the stream.
func (b *bed) waitThrough(t *testing.T, l *load) {
	t.Helper()
	var owed int
	for _, f := range l.feeders {
		if f.name == "files" {
			owed = f.taken()
		}
	}
	waitFor(t, time.Minute, "what the agent has to be delivered", func() (bool, string) {
		came := 0
		for id := range b.readStream(t).uids {
			if name, _, _ := split(id); name == "files" {
				came++
			}
		}
		return came >= owed, fmt.Sprintf("%d of %d", came, owed)
	})
}

package trilliansvc

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/google/trillian"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/warg-trillian/warg-trillian/personality/files"
)

const (
	// A connection on which a call waits and nothing arrives is asked for a sign
	// of life after pingAfter, the shortest that gRPC has, and given up pongWithin
	// later. A log server ends a connection after the third ping in a row without
	// a call that it answered (its gRPC takes pings for abuse more often than each
	// five minutes), which is when calls have reached their deadlines anyway.
	pingAfter  = 10 * time.Second
	pongWithin = 3 * time.Second
	// connectWithin bounds an attempt to connect, up to the server's first frame.
	connectWithin = 3 * time.Second
	// reconnectMax is the longest pause between attempts to connect.
	reconnectMax = time.Second
)

// Options say how to reach a log server.
type Options struct {
	// Target is the server, "host:port"; the name is resolved at each attempt to
	// connect, so it may move. Any other gRPC target is written with its scheme.
	Target string
	// TLS encrypts the connection. Nil: not encrypted, which is logged as a
	// warning unless Target is on this machine.
	TLS *TLS
	// CallTimeout bounds a call, with its repetitions, whose context has no
	// deadline. 0: 30 seconds.
	CallTimeout time.Duration
	// Logger is told when calls have to be repeated. Nil: nobody is.
	Logger *slog.Logger
	// DialOptions are passed on to gRPC, after all others.
	DialOptions []grpc.DialOption
}

// TLS is what TLS needs, in PEM files.
type TLS struct {
	CAFile     string // certificates to trust; empty: those that the system trusts
	ServerName string // the name that the server's certificate must have; empty: the target's host
	// CertFile and KeyFile are the client's certificate and key, both or neither.
	// They are read at each handshake, so they can be renewed.
	CertFile, KeyFile string
}

// config reads the files once, so that what is wrong shows at the start.
func (t *TLS) config() (*tls.Config, error) {
	config := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := files.Read(t.CAFile, files.ListSize)
		if err != nil {
			return nil, fmt.Errorf("certificates to trust: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificates to trust: %s has no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile == "" && t.KeyFile == "" {
		return config, nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := files.ReadCertificate(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate %q with key %q: %w", t.CertFile, t.KeyFile, err)
		}
		return pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return config, nil
}

// Dial connects to a log server and waits until it can serve, its database
// included, or ctx ends; give ctx a deadline.
//
// Calls are bounded and, except for CreateTree, made again after what passes: a
// lost connection, a server that restarts, its database that is away, a quota.
// An error after that is the last one, with [context.DeadlineExceeded] or
// [context.Canceled] if that is what ended the repetitions.
//
// A connection that hangs is noticed within 13 seconds, and a server that is back
// within a second or two.
func Dial(ctx context.Context, o Options) (*Service, error) {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	options, err := o.dialOptions()
	if err != nil {
		return nil, fmt.Errorf("the Trillian log server %s: %w", o.Target, err)
	}
	target := o.Target
	if !strings.Contains(target, "://") {
		target = "passthrough:///" + target // not gRPC's resolver, which keeps an address for 30 seconds
	}
	s, err := newService(target, options...)
	if err != nil {
		return nil, err
	}
	if err := s.waitServing(ctx); err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	return s, nil
}

func (o *Options) dialOptions() ([]grpc.DialOption, error) {
	secure := insecure.NewCredentials()
	if o.TLS != nil {
		config, err := o.TLS.config()
		if err != nil {
			return nil, err
		}
		secure = credentials.NewTLS(config)
	} else if !onLoopback(o.Target) {
		o.Logger.Warn("the connection to the Trillian log server is not encrypted; use TLS unless the network is trusted", "server", o.Target)
	}
	repeat := &repeater{target: o.Target, log: o.Logger}
	return append([]grpc.DialOption{
		grpc.WithTransportCredentials(secure),
		grpc.WithChainUnaryInterceptor(withDeadline(cmp.Or(o.CallTimeout, callTimeout)), repeat.call),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pongWithin}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectMax},
			MinConnectTimeout: connectWithin,
		}),
	}, o.DialOptions...), nil
}

func onLoopback(target string) bool {
	host, _, err := net.SplitHostPort(target)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// waitServing asks for a tree that cannot exist: a log server with its database
// says so, a signer, which has the same port and an admin service, cannot.
func (s *Service) waitServing(ctx context.Context) error {
	_, err := s.log.GetLatestSignedLogRoot(ctx, &trillian.GetLatestSignedLogRootRequest{LogId: 0})
	if code := status.Code(err); code == codes.NotFound || code == codes.InvalidArgument {
		return nil
	}
	return err
}

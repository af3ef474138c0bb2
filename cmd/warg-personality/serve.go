package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/sparselog"
)

// Limits of the HTTP server. There is none on the time that a whole request or
// response takes: uploads and downloads of large content are slow on slow lines.
// How slow is for --min-transfer-rate to say.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// What one HTTP/2 connection may have the server keep: requests under way, and
// bytes of their bodies that nobody has read yet.
const (
	maxStreams       = 100
	maxStreamBuffer  = 128 << 10
	maxStreamBuffers = 256 << 10
)

// drainTimeout is how long requests that are under way may take to finish once
// the server is asked to stop.
const drainTimeout = 30 * time.Second

// How long the start may take until the registry is ready, and how often it is
// asked.
const (
	readyTimeout = 10 * time.Second
	readyPoll    = 5 * time.Millisecond
)

type serveCommand struct {
	config.Serve
}

// Run serves until a signal or a fatal error.
func (c *serveCommand) Run(std streams) error {
	return serveWith(&c.Serve, std, func(ctx context.Context, options personality.Options, log *slog.Logger) (served, error) {
		if err := setOperatorKeys(&options, &c.Serve, log); err != nil {
			return nil, err
		}
		registry, err := personality.Open(ctx, options)
		if errors.Is(err, personality.ErrNoOperatorKey) {
			return nil, operatorKeyMissing(&c.Serve)
		}
		if err != nil {
			return nil, fmt.Errorf("open the registry: %w", err)
		}
		return registry, nil
	})
}

// served is what is served: a [personality.Server] or a [personality.Standby].
type served interface {
	service
	Handler() http.Handler
	LimitConnections(net.Listener) net.Listener
	Close() error
}

// serveWith serves what open opens, with the settings of serve.
func serveWith(c *config.Serve, std streams, open func(context.Context, personality.Options, *slog.Logger) (served, error)) error {
	// While the registry opens, SIGHUP has to wait, and SIGTERM ends the process
	// at once: there is nothing to drain yet.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)

	garbage, stopGarbage := context.WithCancel(context.Background())
	defer stopGarbage()
	go paceGarbage(garbage)
	log := c.Logger(std.stderr)
	options, err := c.Options()
	if err != nil {
		return settingError{err}
	}
	if err := os.MkdirAll(c.DataDir, 0o750); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	certificate, err := loadCertificate(c)
	if err != nil {
		return err
	}
	observation, err := observe(c, log)
	if err != nil {
		return err
	}
	defer observation.close()
	listener, err := net.Listen("tcp", string(c.Listen))
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	defer listener.Close()

	warnOfBaseURL(c, listener.Addr(), log)
	options.Logger, options.Metrics, options.Tracing = log, observation.metrics, observation.tracing
	registry, err := open(context.Background(), options, log)
	if err != nil {
		return err
	}
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	stopping := &stopping{next: registry.Handler()}
	server := &http.Server{
		Handler:           stopping,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		TLSConfig:         certificate.config(),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerStream:     maxStreamBuffer,
			MaxReceiveBufferPerConnection: maxStreamBuffers,
		},
		ErrorLog: sparselog.New(log).ForServer(),
	}
	wait := func() { stopping.wait(time.Duration(c.ShutdownDelay), signals) }
	err = serve(withCertificate{registry, certificate}, server, registry.LimitConnections(listener), signals, wait, log, std)
	return errors.Join(err, registry.Close())
}

// warnOfBaseURL says what clients elsewhere will see of a registry that was not
// told its URL.
func warnOfBaseURL(s *config.Serve, listens net.Addr, log *slog.Logger) {
	if address, ok := listens.(*net.TCPAddr); s.BaseURL != "" || ok && address.IP.IsLoopback() {
		return
	}
	log.Warn("--base-url (or WARG_BASE_URL) is not set: the URLs of content are made of the host that each request names; set it to the URL by which clients reach this registry", "listen", listens.String())
}

// service is what serve needs of a registry; [personality.Server] is one.
type service interface {
	Run(context.Context) error   // blocks until the context ends or a fatal error
	Ready(context.Context) error // nil once all is well and a checkpoint is there
	Reload() error
}

// serve runs the registry and its HTTP server until a signal or until one of
// them fails. When the registry is ready it prints where it listens. At a signal it
// calls wait, while all goes on. Requests are drained then, while the registry still works
// for them; then the registry stops.
func serve(registry service, server *http.Server, listener net.Listener, signals <-chan os.Signal, wait func(), log *slog.Logger, std streams) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- registry.Run(ctx) }()
	go func() { served <- serveHTTP(server, listener) }()
	ready := make(chan error, 1)
	go func() { ready <- waitUntilReady(ctx, registry) }()

	var failure error
	for waiting := true; waiting; {
		select {
		case err := <-ready:
			if err != nil {
				log.Error("not ready; serving what there is", "error", err)
			}
			fmt.Fprintf(std.stdout, "listening on %s\n", listener.Addr())
			continue
		case s := <-signals:
			if s == syscall.SIGHUP {
				reload(registry, log)
				continue
			}
			log.Info("stopping", "signal", s.String())
			wait()
		case err := <-served:
			failure = fmt.Errorf("HTTP server: %w", err)
		case err := <-ran:
			if err == nil {
				err = errors.New("stopped by itself")
			}
			ran <- err // for the end of this function
		}
		waiting = false
	}
	signal.Reset(os.Interrupt, syscall.SIGTERM) // another one ends the process at once
	if err := drain(server); err != nil {
		log.Warn("cut off requests that did not finish in time", "error", err)
	}
	stop()
	if err := <-ran; err != nil && !errors.Is(err, context.Canceled) {
		failure = errors.Join(failure, fmt.Errorf("registry: %w", err))
	}
	return failure
}

// serveHTTP serves with TLS if the server has a certificate.
func serveHTTP(server *http.Server, listener net.Listener) error {
	if server.TLSConfig != nil {
		return server.ServeTLS(listener, "", "")
	}
	return server.Serve(listener)
}

// waitUntilReady gives up after readyTimeout, with what keeps the registry: one
// that can sign no more still serves its last checkpoint.
func waitUntilReady(ctx context.Context, registry service) error {
	deadline := time.Now().Add(readyTimeout)
	for {
		err := registry.Ready(ctx)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(readyPoll)
	}
}

func reload(registry service, log *slog.Logger) {
	if err := registry.Reload(); err != nil {
		log.Error("reload failed; going on with the settings as they were", "error", err)
		return
	}
	log.Info("reloaded")
}

// drain lets requests finish, and closes their connections when they do not.
func drain(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if err != nil {
		server.Close()
	}
	return err
}

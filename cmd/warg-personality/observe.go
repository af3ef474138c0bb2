package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
	"github.com/warg-trillian/warg-trillian/personality/sparselog"
	"github.com/warg-trillian/warg-trillian/personality/tracing"
)

// flushTimeout is how long the collector may take to receive the last traces.
const flushTimeout = 5 * time.Second

// observation is how the operator looks at a running server, beside its log.
type observation struct {
	metrics *prometheus.Registry
	tracing *tracing.Tracing
	server  *http.Server // of the metrics; nil if they are not served
	log     *slog.Logger
}

// observe begins to serve metrics, before there are many, and prepares tracing.
func observe(s *config.Serve, log *slog.Logger) (*observation, error) {
	o := &observation{metrics: metrics.NewRegistry(), log: log}
	// OpenTelemetry has one error handler a process.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("tracing", "error", err) }))
	var err error
	if o.tracing, err = tracing.FromEnvironment(context.Background()); err != nil {
		return nil, settingError{err}
	}
	if s.MetricsListen == "" {
		return o, nil
	}
	listener, err := net.Listen("tcp", string(s.MetricsListen))
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen: %w", err)
	}
	o.server = &http.Server{
		Handler:           metrics.Handler(o.metrics, s.DebugPprof, log),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          sparselog.New(log).ForServer(),
	}
	log.Info("serving metrics", "address", listener.Addr().String())
	go func() {
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", "error", err)
		}
	}()
	return o, nil
}

// close ends it, once the registry is closed.
func (o *observation) close() {
	if o.server != nil {
		o.server.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := o.tracing.Close(ctx); err != nil {
		o.log.Warn("tracing", "error", err)
	}
}

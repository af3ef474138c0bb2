package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warg-trillian/warg-trillian/warg/audit"
)

// metrics are what Prometheus sees of a follower; docs/auditing.md lists them.
type metrics struct {
	registry   *prometheus.Registry
	rounds     *prometheus.CounterVec
	findings   *prometheus.CounterVec
	open       prometheus.Gauge
	complete   prometheus.Gauge
	seconds    prometheus.Gauge
	records    prometheus.Gauge
	logs       prometheus.Gauge
	checkpoint prometheus.Gauge
	unchecked  prometheus.Gauge
	failures   *prometheus.CounterVec
}

func newMetrics() *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "warg_auditor", Name: name, Help: help})
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "warg_auditor", Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry:   prometheus.NewRegistry(),
		rounds:     counter("rounds_total", "Rounds of the audit, by outcome: clean, findings, failed (the registry could not be audited).", "outcome"),
		findings:   counter("findings_total", "Findings that were told, by name; each once.", "name"),
		open:       gauge("round_findings", "Findings that are not well again, those of earlier rounds and processes included."),
		complete:   gauge("last_complete_timestamp_seconds", "When the last round ended that audited everything."),
		seconds:    gauge("round_seconds", "How long the last round took."),
		records:    gauge("records", "Records that are audited."),
		logs:       gauge("checkpoints", "Checkpoints of the checkpoints log that are audited."),
		checkpoint: gauge("checkpoint_timestamp_seconds", "When the latest checkpoint was signed, as it says."),
		unchecked:  gauge("unchecked", "Things that the last round could not check."),
		failures:   counter("vantage_point_failures_total", "Rounds in which another vantage point could not be asked, by its URL.", "url"),
	}
	m.registry.MustRegister(m.rounds, m.findings, m.open, m.complete, m.seconds, m.records, m.logs, m.checkpoint, m.unchecked, m.failures,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, outcome := range []string{"clean", "findings", "failed"} {
		m.rounds.WithLabelValues(outcome)
	}
	return m
}

// round takes in what a round came to, with how many findings there are by now.
func (m *metrics) round(r *audit.Report, findings int, failed error, took time.Duration, now time.Time) {
	m.seconds.Set(took.Seconds())
	m.open.Set(float64(findings))
	if r != nil {
		m.records.Set(float64(r.Records))
		m.logs.Set(float64(r.Checkpoints))
		m.unchecked.Set(float64(len(r.Unchecked)))
		if r.Checkpoint != nil {
			m.checkpoint.Set(float64(r.Checkpoint.Contents.Timestamp))
		}
	}
	switch {
	case r != nil && !r.Clean():
		m.rounds.WithLabelValues("findings").Inc()
	case failed != nil:
		m.rounds.WithLabelValues("failed").Inc()
	case findings > 0:
		m.rounds.WithLabelValues("findings").Inc()
	default:
		m.rounds.WithLabelValues("clean").Inc()
	}
	if failed == nil {
		m.complete.Set(float64(now.UnixMilli()) / 1000)
	}
}

// serve serves /metrics, and /healthz, which answers as long as the process does.
func (m *metrics) serve(address string, stderr io.Writer) (stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(stderr, "warg-auditor: metrics are not served any more: %v\n", err)
		}
	}()
	fmt.Fprintf(stderr, "warg-auditor: serving metrics on %s\n", listener.Addr())
	return func() { server.Close() }, nil
}

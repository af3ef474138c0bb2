// Package metrics counts and measures what a registry does, for Prometheus.
// docs/metrics.md says what each metric means; a test keeps it complete.
//
// The parts of a registry declare what they tell; this package knows none of them.
//
// There is no global state: a registry's metrics are in the registerer that it
// was given, and two registries need two.
package metrics

import (
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// NewRegistry returns a Prometheus registry with what is true of every Go
// program: its runtime, its process, its build.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newBuildInfo(),
	)
	return r
}

func newBuildInfo() prometheus.Collector {
	labels := prometheus.Labels{"version": "unknown", "revision": "unknown", "go": "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		labels["version"], labels["go"] = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				labels["revision"] = s.Value
			}
		}
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "warg_build_info", Help: "What this program was built from. Always 1.", ConstLabels: labels,
	})
	info.Set(1)
	return info
}

// Metrics are the metrics of one registry that events change. Safe for
// concurrent use.
type Metrics struct {
	requests  *prometheus.CounterVec   // by route and code
	durations *prometheus.HistogramVec // by route
	refusals  *prometheus.CounterVec   // by reason
	received  prometheus.Counter
	served    prometheus.Counter
	fetches   *prometheus.CounterVec // by outcome
	fetched   prometheus.Counter

	leader      prometheus.Gauge
	lag         prometheus.Gauge
	integration prometheus.Histogram
	published   prometheus.Counter
	tiles       prometheus.Counter

	notes     notes
	upstreams upstreams
}

// Upper bounds of histograms, in seconds.
var (
	requestBuckets     = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	integrationBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
)

// New makes metrics and registers them, once for each registerer: it panics if
// they are there already. reasons are those that [Metrics.Refused] will be given.
func New(r prometheus.Registerer, reasons []string) *Metrics {
	with := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return with.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return with.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		requests: with.NewCounterVec(prometheus.CounterOpts{
			Name: "warg_http_requests_total", Help: "Requests of the API that are over."}, []string{"route", "code"}),
		durations: with.NewHistogramVec(prometheus.HistogramOpts{
			Name: "warg_http_request_duration_seconds", Help: "From the headers of a request to the end of its answer.", Buckets: requestBuckets}, []string{"route"}),
		refusals: with.NewCounterVec(prometheus.CounterOpts{
			Name: "warg_refusals_total", Help: "Requests that were answered with an error."}, []string{"reason"}),
		received: counter("warg_content_received_bytes_total", "Bytes of package content that were uploaded, kept or not."),
		served:   counter("warg_content_served_bytes_total", "Bytes of package content that were downloaded."),
		fetches: with.NewCounterVec(prometheus.CounterOpts{
			Name: "warg_content_fetches_total", Help: "Contents that were to be fetched from sources that records were posted with, by what became of it."}, []string{"outcome"}),
		fetched: counter("warg_content_fetched_bytes_total", "Bytes that came from such sources, kept or not."),

		leader: gauge("warg_leader", "1 while this process sequences and integrates, else 0."),
		lag:    gauge("warg_trillian_lag_records", "Records handed to Trillian and not known to be sequenced; 0 unless leader."),
		integration: with.NewHistogram(prometheus.HistogramOpts{
			Name: "warg_integration_duration_seconds", Help: "Making and storing a checkpoint that covers new records.", Buckets: integrationBuckets}),
		published: counter("warg_published_records_total", "Records that this process published."),
		tiles:     counter("warg_map_tiles_written_total", "Tiles of the package index that this process wrote."),

		notes:     newNotes(with),
		upstreams: newUpstreams(with),
	}
	for _, reason := range reasons {
		m.refusals.WithLabelValues(reason) // from 0 on, so that the first one shows as a rise
	}
	return m
}

// Answered counts a request to a route that is over.
func (m *Metrics) Answered(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(route).Observe(took.Seconds())
}

// Refused counts a request that was answered with an error.
func (m *Metrics) Refused(reason string) { m.refusals.WithLabelValues(reason).Inc() }

// ContentReceived counts bytes of content that were uploaded.
func (m *Metrics) ContentReceived(bytes int64) { m.received.Add(float64(bytes)) }

// Fetched counts a content that was fetched from elsewhere, or was not, and bytes that
// came for it.
func (m *Metrics) Fetched(outcome string, bytes int64) {
	m.fetches.WithLabelValues(outcome).Inc()
	m.fetched.Add(float64(bytes))
}

// ContentServed counts bytes of content that were downloaded.
func (m *Metrics) ContentServed(bytes int64) { m.served.Add(float64(bytes)) }

// Leading says whether this process leads. One that does not has no lag: it does
// not know it.
func (m *Metrics) Leading(leading bool) {
	m.leader.Set(truth(leading))
	if !leading {
		m.lag.Set(0)
	}
}

// Waiting says how many records Trillian has and has not sequenced yet.
func (m *Metrics) Waiting(records int) { m.lag.Set(float64(records)) }

// Integrated counts a checkpoint that covers new records.
func (m *Metrics) Integrated(records, tiles int, took time.Duration) {
	m.integration.Observe(took.Seconds())
	m.published.Add(float64(records))
	m.tiles.Add(float64(tiles))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// upstreams are the metrics of other registries, for which this one answers.
type upstreams struct {
	asked  *prometheus.CounterVec // by registry and outcome
	caught *prometheus.CounterVec // by registry and claim

	mirrored, mirroredTime *prometheus.GaugeVec // by registry
}

func newUpstreams(with promauto.Factory) upstreams {
	return upstreams{
		asked: with.NewCounterVec(prometheus.CounterOpts{
			Name: "warg_upstream_requests_total", Help: "Requests to another registry, by what became of them."}, []string{"registry", "outcome"}),
		caught: with.NewCounterVec(prometheus.CounterOpts{
			Name: "warg_upstream_unproven_total", Help: "Answers of another registry that did not prove what they had to."}, []string{"registry", "claim"}),
		mirrored: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "warg_mirror_records", Help: "Records of another registry that its mirror serves."}, []string{"registry"}),
		mirroredTime: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "warg_mirror_checkpoint_timestamp_seconds", Help: "When the other registry signed the checkpoint that its mirror serves."}, []string{"registry"}),
	}
}

// UpstreamAsked counts a request to another registry.
func (m *Metrics) UpstreamAsked(registry, outcome string) {
	m.upstreams.asked.WithLabelValues(registry, outcome).Inc()
}

// UpstreamCaught counts an answer of another registry that did not prove what it had to.
func (m *Metrics) UpstreamCaught(registry, claim string) {
	m.upstreams.caught.WithLabelValues(registry, claim).Inc()
}

// Mirrored says how many records of another registry its mirror serves, as of when that
// registry signed it, in seconds since 1970.
func (m *Metrics) Mirrored(registry string, records, signed uint64) {
	m.upstreams.mirrored.WithLabelValues(registry).Set(float64(records))
	m.upstreams.mirroredTime.WithLabelValues(registry).Set(float64(signed))
}

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// upstreams are the metrics of other registries, for which this one answers.
type upstreams struct {
	asked  *prometheus.CounterVec // by registry and outcome
	caught *prometheus.CounterVec // by registry and claim
}

func newUpstreams(with promauto.Factory) upstreams {
	return upstreams{
		asked: with.NewCounterVec(prometheus.CounterOpts{
			Name: "warg_upstream_requests_total", Help: "Requests to another registry, by what became of them."}, []string{"registry", "outcome"}),
		caught: with.NewCounterVec(prometheus.CounterOpts{
			Name: "warg_upstream_unproven_total", Help: "Answers of another registry that did not prove what they had to."}, []string{"registry", "claim"}),
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

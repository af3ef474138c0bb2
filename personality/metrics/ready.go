package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

var partReady = prometheus.NewDesc("warg_part_ready", "1 if a part that this process needs works, else 0.", []string{"part"}, nil)

// parts asks at each scrape which parts work.
type parts struct {
	ask func(context.Context) map[string]bool
}

// WatchParts registers a metric for each part that a process needs to be ready.
// ask says at each scrape which of them work, by their names; it is to bound
// itself how long it waits for them.
func WatchParts(r prometheus.Registerer, ask func(context.Context) map[string]bool) {
	r.MustRegister(parts{ask})
}

// Describe implements [prometheus.Collector].
func (p parts) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- partReady }

// Collect implements [prometheus.Collector].
func (p parts) Collect(metrics chan<- prometheus.Metric) {
	for part, works := range p.ask(context.Background()) {
		metrics <- prometheus.MustNewConstMetric(partReady, prometheus.GaugeValue, truth(works), part)
	}
}

package metrics

import "github.com/prometheus/client_golang/prometheus"

// DiscoveryStats says how far the index of what is in packages is.
type DiscoveryStats struct {
	Behind     uint64 // published records that it has not read
	ToDescribe int64  // contents that are to be described
	Described  uint64 // contents that were, since the start
	Failed     bool   // it can not be used
}

// WatchDiscovery adds the metrics of the index. stats is called by several scrapes at once.
func WatchDiscovery(r prometheus.Registerer, stats func() DiscoveryStats) {
	gauge := func(name, help string, value func(DiscoveryStats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(stats()) })
	}
	r.MustRegister(
		gauge("warg_discovery_records_behind", "Published records that the index of packages has not read.", func(s DiscoveryStats) float64 { return float64(s.Behind) }),
		gauge("warg_discovery_contents_to_describe", "Contents that are to be described for the index of packages.", func(s DiscoveryStats) float64 { return float64(s.ToDescribe) }),
		gauge("warg_discovery_failed", "1 if the index of packages can not be used, else 0.", func(s DiscoveryStats) float64 { return truth(s.Failed) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "warg_discovery_contents_described_total", Help: "Contents that were described for the index of packages.",
		}, func() float64 { return float64(stats().Described) }),
	)
}

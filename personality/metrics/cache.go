package metrics

import "github.com/prometheus/client_golang/prometheus"

// CacheStats are what is kept in memory, and how often it was of use.
type CacheStats struct {
	Bytes        int64
	Hits, Misses uint64
}

// WatchCache adds the metrics of a cache. stats is called by several scrapes at once.
func WatchCache(r prometheus.Registerer, stats func() CacheStats) {
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "warg_cache_bytes", Help: "Bytes that are kept of what was read; --cache-size bounds them.",
		}, func() float64 { return float64(stats().Bytes) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "warg_cache_hits_total", Help: "Lookups in the cache that found something.",
		}, func() float64 { return float64(stats().Hits) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "warg_cache_misses_total", Help: "Lookups in the cache that found nothing, so that it was read.",
		}, func() float64 { return float64(stats().Misses) }),
	)
}

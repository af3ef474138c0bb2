package metrics_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warg-trillian/warg-trillian/personality/metrics"
)

// Each part has a gauge of its own, which says what is so at the scrape.
func TestPartsAreWatched(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	state := map[string]bool{"database": true, "content": false}
	metrics.WatchParts(registry, func(context.Context) map[string]bool { return state })
	for range 2 {
		families, err := registry.Gather()
		if err != nil || len(families) != 1 || families[0].GetName() != "warg_part_ready" {
			t.Fatalf("gathered %v, %v", families, err)
		}
		found := map[string]float64{}
		for _, m := range families[0].Metric {
			if len(m.Label) != 1 || m.Label[0].GetName() != "part" {
				t.Fatalf("labels %v", m.Label)
			}
			found[m.Label[0].GetValue()] = m.Gauge.GetValue()
		}
		for part, works := range state {
			if value, ok := found[part]; !ok || (value == 1) != works || len(found) != len(state) {
				t.Errorf("gathered %v, want %v", found, state)
			}
		}
		state["database"], state["content"] = false, true
	}
}

package metrics

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout bounds how long a scrape waits for the database.
const scrapeTimeout = 5 * time.Second

// Source is what is asked at each scrape.
type Source interface {
	Stats(ctx context.Context) (Stats, error)
	// Troubles returns why nothing is signed any more, and why the last attempt to
	// publish failed; nil where all is well.
	Troubles() (fault, failure error)
}

// Stats is where a registry stands, whichever process works on it.
type Stats struct {
	Queued  int       // complete records that wait to be published
	Oldest  time.Time // when the oldest of them was accepted; zero if there is none
	Waiting int       // records that wait beside their logs, for content or for one that does

	WaitingBytes int64 // of their envelopes

	CheckpointLength uint64    // records that the newest checkpoint covers; 0 before the first
	CheckpointTime   time.Time // when it was signed
}

// Watch registers the metrics that are read when they are scraped: those that
// say where the registry stands, whichever process works on it.
func Watch(r prometheus.Registerer, s Source, now func() time.Time) {
	r.MustRegister(&watch{source: s, now: now})
}

type watch struct {
	source Source
	now    func() time.Time
}

func describe(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

var (
	queueRecords    = describe("warg_queue_records", "Complete records that wait to be published.")
	queueAge        = describe("warg_queue_oldest_age_seconds", "Time since the oldest of the queue was accepted; 0 if there is none.")
	incomplete      = describe("warg_incomplete_records", "Records that wait beside their logs, for content or for one that does.")
	waitingBytes    = describe("warg_incomplete_record_bytes", "Bytes of those records.")
	checkpointSize  = describe("warg_checkpoint_length", "Records that the newest checkpoint covers.")
	checkpointAge   = describe("warg_checkpoint_age_seconds", "Time since the newest checkpoint was signed.")
	signingStopped  = describe("warg_signing_stopped", "1 if this process signs nothing any more, as Trillian's answers do not fit what was signed, else 0.")
	publishingStall = describe("warg_publishing_stalled", "1 if the last attempt to sequence or integrate failed, else 0.")
)

// Describe implements [prometheus.Collector].
func (w *watch) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{queueRecords, queueAge, incomplete, waitingBytes, checkpointSize, checkpointAge, signingStopped, publishingStall} {
		descriptions <- d
	}
}

// Collect implements [prometheus.Collector].
func (w *watch) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	fault, failure := w.source.Troubles()
	gauge(signingStopped, truth(fault != nil))
	gauge(publishingStall, truth(failure != nil))

	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	stats, err := w.source.Stats(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(queueRecords, fmt.Errorf("read where the registry stands: %w", err))
		return
	}
	gauge(queueRecords, float64(stats.Queued))
	gauge(queueAge, w.since(stats.Oldest))
	gauge(incomplete, float64(stats.Waiting))
	gauge(waitingBytes, float64(stats.WaitingBytes))
	gauge(checkpointSize, float64(stats.CheckpointLength))
	if stats.CheckpointLength > 0 {
		gauge(checkpointAge, w.since(stats.CheckpointTime))
	}
}

// since is how long ago a time was, in seconds; 0 for no time and for one that
// is not reached yet.
func (w *watch) since(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, w.now().Sub(t).Seconds())
}

package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// notes are the metrics of the notes of both logs, and of their witnesses.
type notes struct {
	size, cosignedSize, cosignedTime *prometheus.GaugeVec // by log
	submissions                      *prometheus.CounterVec
	durations                        *prometheus.HistogramVec
	alarms                           *prometheus.GaugeVec
}

func newNotes(with promauto.Factory) notes {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return with.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	return notes{
		size:         gauge("warg_note_size", "Leaves of a log at the newest note that this process has signed.", "log"),
		cosignedSize: gauge("warg_cosigned_note_size", "Leaves of a log at the newest note that a quorum of witnesses has cosigned.", "log"),
		cosignedTime: gauge("warg_cosigned_note_timestamp_seconds", "When the quorum cosigned that note, in seconds since 1970.", "log"),
		submissions: with.NewCounterVec(prometheus.CounterOpts{
			Name: "warg_witness_submissions_total", Help: "Checkpoints that were sent to a witness, by what became of it."}, []string{"log", "witness", "outcome"}),
		durations: with.NewHistogramVec(prometheus.HistogramOpts{
			Name: "warg_witness_submission_duration_seconds", Help: "From sending a checkpoint to a witness to its answer.", Buckets: requestBuckets}, []string{"witness"}),
		alarms: gauge("warg_witness_alarm", "1 if a witness has another root of a log than this registry, else 0.", "log", "witness"),
	}
}

// Noted says that a note of a log was signed and stored.
func (m *Metrics) Noted(log string, size uint64) {
	m.notes.size.WithLabelValues(log).Set(float64(size))
}

// Cosigned says which checkpoint of a log is the newest that a quorum has cosigned; size 0
// that there is none.
func (m *Metrics) Cosigned(log string, size uint64, when time.Time) {
	m.notes.cosignedSize.WithLabelValues(log).Set(float64(size))
	m.notes.cosignedTime.WithLabelValues(log).Set(float64(max(when.Unix(), 0)))
}

// Submitted counts a checkpoint that was sent to a witness.
func (m *Metrics) Submitted(log, witness, outcome string, took time.Duration) {
	m.notes.submissions.WithLabelValues(log, witness, outcome).Inc()
	m.notes.durations.WithLabelValues(witness).Observe(took.Seconds())
}

// Alarm says whether a witness has another root of a log.
func (m *Metrics) Alarm(log, witness string, raised bool) {
	m.notes.alarms.WithLabelValues(log, witness).Set(truth(raised))
}

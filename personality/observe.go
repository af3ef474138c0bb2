package personality

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/federation/proxy"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
	"github.com/warg-trillian/warg-trillian/personality/mirror"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/witness"
)

// What the parts tell, metrics take.
var (
	_ publisher.Observer = (*metrics.Metrics)(nil)
	_ httpapi.Observer   = (*metrics.Metrics)(nil)
	_ admission.Observer = (*metrics.Metrics)(nil)
	_ witness.Observer   = (*metrics.Metrics)(nil)
	_ proxy.Observer     = (*metrics.Metrics)(nil)
	_ mirror.Observer    = (*metrics.Metrics)(nil)
)

func newMetrics(r prometheus.Registerer) *metrics.Metrics {
	return metrics.New(r, httpapi.Reasons())
}

// standing tells metrics where a registry stands.
type standing struct{ *parts.Registry }

// Stats implements [metrics.Source].
func (s standing) Stats(ctx context.Context) (metrics.Stats, error) {
	now, err := s.Registry.Stats(ctx)
	return metrics.Stats{
		Queued: int(now.Queue.Complete), Oldest: now.Queue.Oldest, Waiting: int(now.Queue.Waiting.Records), WaitingBytes: now.Queue.Waiting.Bytes,
		CheckpointLength: now.Checkpoint.LogLength, CheckpointTime: time.Unix(int64(now.Checkpoint.Timestamp), 0),
	}, err
}

package personality

import (
	"context"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/discovery"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
)

// openDiscovery makes the index of what is in packages. It is opened when the registry
// runs, and whatever becomes of it, the registry goes on.
func (s *Server) openDiscovery() {
	s.discovery = discovery.New(discovery.Options{
		DataDir: s.options.DataDir, Log: s.registry, Published: s.registry.NextCheckpoint, Logger: s.options.Logger,
	})
	metrics.WatchDiscovery(s.options.Metrics, s.discoveryStats)
}

// discoveryTimeout bounds how long a scrape waits for the index.
const discoveryTimeout = 5 * time.Second

func (s *Server) discoveryStats() metrics.DiscoveryStats {
	ctx, cancel := context.WithTimeout(context.Background(), discoveryTimeout)
	defer cancel()
	status, err := s.discovery.Status(ctx)
	return metrics.DiscoveryStats{Behind: status.Behind, ToDescribe: status.ToDescribe, Described: s.discovery.Described(), Failed: err != nil}
}

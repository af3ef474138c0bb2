package personality

import (
	"context"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/describe"
	"github.com/warg-trillian/warg-trillian/personality/discovery"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
	wire "github.com/warg-trillian/warg-trillian/warg/discovery"
)

// openDiscovery makes the index of what is in packages. It is opened when the registry
// runs, and whatever becomes of it, the registry goes on.
func (s *Server) openDiscovery() {
	describer := &describer{cacheDir: filepath.Join(s.options.DataDir, "cache"), sandbox: s.sandbox}
	s.closers = append(s.closers, describer.close)
	s.discovery = discovery.New(discovery.Options{
		DataDir: s.options.DataDir, Log: s.registry, Published: s.registry.NextCheckpoint, Logger: s.options.Logger, Describer: describer,
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

// indexClient is whose work describing is in the turns of the sandbox, so that uploads are
// not behind all of it. It is no address, as those of clients are.
const indexClient = "the index"

// describer says what is in contents: by the sandbox of the content policy, or one of its
// own, once it is needed, where the policy takes anything. Safe for concurrent use.
type describer struct {
	cacheDir string

	mu      sync.Mutex
	sandbox *content.WasmPolicy // guarded by mu; nil: there is none yet
	own     bool                // guarded by mu
}

// Version implements [discovery.Describer].
func (d *describer) Version() int { return content.ModuleVersion() }

// Describe implements [discovery.Describer].
func (d *describer) Describe(ctx context.Context, f io.ReaderAt, size int64) (wire.Description, *wire.WIT, error) {
	sandbox, err := d.open(ctx)
	if err != nil {
		return wire.Description{}, nil, err
	}
	c, err := describe.New(sandbox).Both(content.WithClient(ctx, indexClient), f, size)
	return c.Description, c.WIT, err
}

func (d *describer) open(ctx context.Context) (*content.WasmPolicy, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sandbox == nil {
		sandbox, err := content.NewWasmPolicy(context.WithoutCancel(ctx), d.cacheDir)
		if err != nil {
			return nil, err
		}
		d.sandbox, d.own = sandbox, true
	}
	return d.sandbox, nil
}

func (d *describer) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.own {
		return nil
	}
	return d.sandbox.Close(context.Background())
}

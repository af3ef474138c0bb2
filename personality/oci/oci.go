package oci

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Reader is what is asked of the reading part of the registry. Its errors are those of
// package registry.
type Reader interface {
	LatestCheckpoint(ctx context.Context) (protocol.SignedCheckpoint, error)
	FetchLogs(ctx context.Context, q reader.FetchLogsRequest) (reader.FetchLogsResponse, error)
	CheckWithheld(ctx context.Context, digest protocol.Hash) error
	OpenContent(ctx context.Context, digest protocol.Hash) (io.ReadSeekCloser, time.Time, error)
	RecordProofOf(ctx context.Context, name protocol.PackageName, version string, note []byte) ([]byte, error)
	ProofToList(ctx context.Context, name protocol.PackageName, version string, index uint64) (reader.ListedProof, error)
	ListProof(ctx context.Context, name protocol.PackageName, p reader.ListedProof) (reader.ListedProof, error)
	ListedProof(ctx context.Context, name protocol.PackageName, digest protocol.Hash) (p reader.ListedProof, ok bool, err error)
}

// Options of [New].
type Options struct {
	Cache *cache.Cache     // where to keep what was read; nil: nothing is kept
	Now   func() time.Time // nil: [time.Now]
}

// Registry answers the OCI distribution protocol. Safe for concurrent use.
type Registry struct {
	reader   Reader
	server   http.Handler // of ociserver, which writes to a *recorder
	packages *packages
	contents *cache.Map[protocol.Hash, described]
	proofs   *proofs
	many     chan struct{}          // one for the request that makes many images
	operator atomic.Pointer[string] // fetch token of the newest operator record that was seen
}

// New returns a registry over the reading part.
func New(r Reader, o Options) *Registry {
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Registry{
		reader:   r,
		packages: newPackages(o.Cache),
		contents: cache.NewMap[protocol.Hash](o.Cache, 4, described.bytes),
		proofs:   newProofs(o.Now),
		many:     make(chan struct{}, 1),
	}
	g.server = ociserver.New(&backend{Funcs: &ociregistry.Funcs{NewError: unsupported}, registry: g}, &ociserver.Options{
		WriteError: func(w http.ResponseWriter, _ *http.Request, err error) { w.(*recorder).err = err },
	})
	return g
}

package trilliansvc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/google/trillian"
	"github.com/google/trillian/extension"
	"github.com/google/trillian/log"
	"github.com/google/trillian/monitoring"
	"github.com/google/trillian/quota"
	"github.com/google/trillian/server"
	"github.com/google/trillian/server/admin"
	"github.com/google/trillian/server/interceptor"
	"github.com/google/trillian/util/election2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/warg-trillian/warg-trillian/personality/sqlitestorage"
)

const (
	// signerBatch is how many leaves one signer pass integrates, in one
	// database transaction.
	signerBatch = 1000
	// bufconnSize is the buffer of the in-memory connection, per direction.
	bufconnSize = 1 << 20
)

// ErrClosed is returned when a service is used after Close.
var ErrClosed = errors.New("the Trillian service is closed")

// embedded is the server side in this process: the log server behind an
// in-memory listener, and a signer that passes when [Log.Integrate] asks.
type embedded struct {
	storage  *sqlitestorage.Storage
	registry extension.Registry
	clock    *forwardClock
	signer   *log.SequencerManager
	server   *grpc.Server
	served   chan error // receives what Serve returned

	mu     sync.RWMutex // held shared by each signer pass, so that stop can wait for them
	closed bool         // guarded by mu
}

// Embedded starts a log server and a signer in this process, on a SQLite
// database in the folder dir (made if it is missing). The folder belongs to one
// process at a time: a second one gets an error at once.
//
// There is no background work: leaves are integrated when [Log.Integrate] is
// called, those that were queued before a crash as well. What Trillian logs goes
// to log, errors as errors and the rest as debug messages. Trillian logs through
// klog, which is one per process, so the first call decides where they go. The
// options are passed on to gRPC's client side.
func Embedded(ctx context.Context, dir string, log *slog.Logger, options ...grpc.DialOption) (*Service, error) {
	redirectKlog(log)
	e, err := startEmbedded(dir)
	if err != nil {
		return nil, err
	}
	listener := bufconn.Listen(bufconnSize)
	go func() { e.served <- e.server.Serve(listener) }()
	s, err := newService("passthrough:///embedded", append(options,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(withDeadline(callTimeout)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}))...)
	if err != nil {
		e.stop()
		return nil, errors.Join(err, e.close())
	}
	s.embedded = e
	if err := s.waitServing(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded Trillian log server: %w", err), s.Close())
	}
	return s, nil
}

// startEmbedded opens the storage and builds the server on it.
func startEmbedded(dir string) (*embedded, error) {
	storage, err := sqlitestorage.Open(dir)
	if err != nil {
		return nil, err
	}
	e := &embedded{
		storage: storage,
		registry: extension.Registry{
			AdminStorage:    storage.AdminStorage(),
			LogStorage:      storage.LogStorage(),
			ElectionFactory: election2.NoopFactory{},
			QuotaManager:    quota.Noop(),
			MetricFactory:   monitoring.InertMetricFactory{},
		},
		clock:  new(forwardClock),
		served: make(chan error, 1),
	}
	e.signer = log.NewSequencerManager(e.registry, anyAge)
	intercept := interceptor.New(e.registry.AdminStorage, e.registry.QuotaManager, false, e.registry.MetricFactory)
	e.server = grpc.NewServer(
		grpc.ChainUnaryInterceptor(interceptor.ErrorWrapper, intercept.UnaryInterceptor),
		grpc.MaxRecvMsgSize(maxMessage))
	trillian.RegisterTrillianLogServer(e.server, server.NewTrillianLogRPCServer(e.registry, e.clock))
	trillian.RegisterTrillianAdminServer(e.server, admin.New(e.registry, []trillian.TreeType{trillian.TreeType_LOG, trillian.TreeType_PREORDERED_LOG}))
	return e, nil
}

// integrate runs signer passes on one tree until its queue is drained.
func (e *embedded) integrate(ctx context.Context, treeID int64) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return ErrClosed
	}
	info := &log.OperationInfo{Registry: e.registry, BatchSize: signerBatch, TimeSource: e.clock}
	for {
		n, err := e.signer.ExecutePass(ctx, treeID, info)
		if err != nil {
			return err
		}
		if n < signerBatch {
			return nil
		}
	}
}

// stop refuses new work and waits for the work that has begun.
func (e *embedded) stop() {
	e.server.GracefulStop()
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
}

// close closes the storage, after stop.
func (e *embedded) close() error {
	err := <-e.served
	if errors.Is(err, grpc.ErrServerStopped) {
		err = nil
	}
	return errors.Join(err, e.storage.Close())
}

// Package trilliansvc is what the personality asks of Trillian: queue leaves,
// integrate them, read them back, prove them. [Embedded] runs the log server
// and the signer in this process; [Dial] uses those of someone else. Both speak
// gRPC to the same server code, so what works on one works on the other.
//
// Everything here is safe for concurrent use.
package trilliansvc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/trillian"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	// callTimeout bounds a call whose context has no deadline of its own.
	callTimeout = 30 * time.Second
	// maxMessage is the largest answer that is accepted. It must exceed the
	// largest leaf, which a log server with default settings holds below 4 MiB.
	maxMessage = 64 << 20
)

// Service is a connection to a Trillian log server.
type Service struct {
	conn     *grpc.ClientConn
	admin    trillian.TrillianAdminClient
	log      trillian.TrillianLogClient
	embedded *embedded // nil: the log server is elsewhere

	closing  sync.Once
	closeErr error // of the first Close, set in closing
}

// Dial connects to the log server at target ("host:port" or any gRPC target)
// and waits until it answers or ctx ends; give ctx a deadline. Without transport
// credentials among opts the connection is not encrypted.
//
// A call that has no deadline gets one of 30 seconds.
func Dial(ctx context.Context, target string, opts ...grpc.DialOption) (*Service, error) {
	s, err := newService(target, opts...)
	if err != nil {
		return nil, err
	}
	if err := s.waitReady(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("no Trillian log server answers at %s: %w", target, err), s.conn.Close())
	}
	return s, nil
}

// newService makes the client side without connecting yet.
func newService(target string, opts ...grpc.DialOption) (*Service, error) {
	defaults := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithChainUnaryInterceptor(withDeadline),
	}
	conn, err := grpc.NewClient(target, append(defaults, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("Trillian log server %q: %w", target, err)
	}
	return &Service{
		conn:  conn,
		admin: trillian.NewTrillianAdminClient(conn),
		log:   trillian.NewTrillianLogClient(conn),
	}, nil
}

func (s *Service) waitReady(ctx context.Context) error {
	for {
		s.conn.Connect()
		state := s.conn.GetState()
		if state == connectivity.Ready {
			return nil
		}
		if !s.conn.WaitForStateChange(ctx, state) {
			return fmt.Errorf("connection is %s: %w", state, ctx.Err())
		}
	}
}

// Close ends the connection. Embedded, it first lets calls that have begun
// finish, then stops the log server and closes its storage; leaves that are
// queued but not integrated stay queued. Further calls return what the first did.
func (s *Service) Close() error {
	s.closing.Do(func() {
		if s.embedded == nil {
			s.closeErr = s.conn.Close()
			return
		}
		s.embedded.stop()
		s.closeErr = errors.Join(s.conn.Close(), s.embedded.close())
	})
	return s.closeErr
}

// withDeadline is a client interceptor: no call waits forever.
func withDeadline(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if _, ok := ctx.Deadline(); ok {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return invoke(ctx, method, req, reply, cc, opts...)
}

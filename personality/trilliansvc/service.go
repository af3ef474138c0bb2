// Package trilliansvc is what the personality asks of Trillian: queue leaves,
// integrate them, read them back, prove them. [Embedded] runs the log server
// and the signer in this process; [Dial] uses those of someone else. Both speak
// gRPC to the same server code, so what works on one works on the other.
//
// Everything here is safe for concurrent use.
package trilliansvc

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/trillian"
	"google.golang.org/grpc"
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

	naming   sync.Mutex // held while a tree is looked for by name and made
	closing  sync.Once
	closeErr error // of the first Close, set in closing
}

// newService makes the client side without connecting yet.
func newService(target string, opts ...grpc.DialOption) (*Service, error) {
	defaults := []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
	}
	conn, err := grpc.NewClient(target, append(defaults, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("the Trillian log server %q: %w", target, err)
	}
	return &Service{
		conn:  conn,
		admin: trillian.NewTrillianAdminClient(conn),
		log:   trillian.NewTrillianLogClient(conn),
	}, nil
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

package trilliansvc

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/client/backoff"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// Pauses before a call is made again grow from the first to the second, each
	// with up to as much again at random.
	repeatAfter    = 50 * time.Millisecond
	repeatAfterMax = 500 * time.Millisecond
	// attemptTimeout bounds one attempt. A log server with few connections to its
	// database can lock itself up when it is first asked to queue many leaves that
	// it has already: each call holds a connection and waits for another one, to
	// prepare a statement (storage/mysql, getStmt). It gets free when the calls
	// end, and they are made again one after the other.
	attemptTimeout = 5 * time.Second
	// warnEach is the shortest time between warnings about repetitions.
	warnEach = 10 * time.Second
)

// withDeadline makes a client interceptor: no call waits forever.
func withDeadline(timeout time.Duration) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if _, ok := ctx.Deadline(); ok {
			return invoke(ctx, method, req, reply, cc, opts...)
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return invoke(ctx, method, req, reply, cc, opts...)
	}
}

// repeater makes calls again until they succeed, fail for good or reach their
// deadline. It is not left to gRPC, which knows no error but by its code.
type repeater struct {
	target string
	log    *slog.Logger
	warned atomic.Int64 // nanoseconds since 1970 of the last warning
}

// call is a client interceptor. All our calls may be made again, since a leaf is
// queued once and a log is initialised once, except for one: CreateTree would
// create another tree. It waits for a connection instead.
func (r *repeater) call(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	once := method == trillian.TrillianAdmin_CreateTree_FullMethodName
	if once {
		opts = append(opts, grpc.WaitForReady(true))
	}
	pause := backoff.Backoff{Min: repeatAfter, Max: repeatAfterMax, Factor: 2, Jitter: true}
	for {
		err := r.attempt(ctx, once, method, req, reply, cc, invoke, opts...)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil && !once && passes(err) {
			r.warn(method, err)
			select {
			case <-time.After(pause.Duration()):
				continue
			case <-ctx.Done():
			}
		}
		return r.failed(ctx, err)
	}
}

// attempt makes the call. What is made only once has all the time that there is.
func (r *repeater) attempt(ctx context.Context, once bool, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if !once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, attemptTimeout)
		defer cancel()
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

// passes tells errors that may be gone at the next attempt. Unknown is what a log
// server answers when its database does not.
func passes(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Aborted, codes.DeadlineExceeded, codes.Unknown:
		return true
	case codes.ResourceExhausted:
		return !tooLarge(err)
	}
	return false
}

// tooLarge tells a message beyond a limit from an exhausted quota; gRPC gives
// both the same code.
func tooLarge(err error) bool {
	return status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "larger than max")
}

func (r *repeater) warn(method string, err error) {
	now, last := time.Now().UnixNano(), r.warned.Load()
	if time.Duration(now-last) >= warnEach && r.warned.CompareAndSwap(last, now) {
		r.log.Warn("a call to the Trillian log server failed and is repeated", "server", r.target, "call", method, "error", err)
	}
}

// failed says which server it was, and what to look at.
func (r *repeater) failed(ctx context.Context, err error) error {
	hint := ""
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		hint = " (does it run, and can it be reached from here?)"
	case codes.Unknown:
		hint = " (look at its log and at its database)"
	case codes.Unimplemented:
		hint = " (this is no Trillian log server; is it the signer's port?)"
	case codes.ResourceExhausted:
		if tooLarge(err) {
			hint = " (raise its --max_msg_size_bytes)"
		} else {
			hint = " (has its signer stopped?)"
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the Trillian log server %s%s: %w: %w", r.target, hint, ctx.Err(), err)
	}
	return fmt.Errorf("the Trillian log server %s%s: %w", r.target, hint, err)
}

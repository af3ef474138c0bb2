package trilliansvc

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/trillian"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestWhichCallsAreRepeated(t *testing.T) {
	const queue, create = trillian.TrillianLog_QueueLeaf_FullMethodName, trillian.TrillianAdmin_CreateTree_FullMethodName
	for _, c := range []struct {
		method   string
		code     codes.Code
		message  string
		attempts int // of at most three, the last of which succeeds
	}{
		{queue, codes.OK, "", 1},
		{queue, codes.Unavailable, "connection refused", 3},
		{queue, codes.Aborted, "MySQL: Error 1213: Deadlock found", 3},
		{queue, codes.Unknown, "invalid connection", 3},
		{queue, codes.DeadlineExceeded, "context deadline exceeded", 3},
		{queue, codes.ResourceExhausted, "quota exhausted: too many unsequenced rows", 3},
		{queue, codes.ResourceExhausted, "grpc: received message larger than max (5242990 vs. 4194304)", 1},
		{queue, codes.ResourceExhausted, "trying to send message larger than max (5 vs. 4)", 1},
		{queue, codes.InvalidArgument, "leaf value", 1},
		{queue, codes.NotFound, "tree", 1},
		{queue, codes.FailedPrecondition, "tree needs init", 1},
		{queue, codes.Unimplemented, "unknown service", 1},
		{create, codes.Unavailable, "connection reset by peer", 1},
		{create, codes.Unknown, "invalid connection", 1},
	} {
		attempts := 0
		var logged bytes.Buffer
		r := &repeater{target: "trillian.example:8090", log: slog.New(slog.NewTextHandler(&logged, nil))}
		err := r.call(t.Context(), c.method, nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
			if attempts++; attempts == 3 {
				return nil
			}
			return status.Error(c.code, c.message)
		})
		if attempts != c.attempts {
			t.Errorf("%s, %v %q: %d attempts, want %d", c.method, c.code, c.message, attempts, c.attempts)
		}
		if attempts == 1 && (status.Code(err) != c.code || err != nil && !strings.Contains(err.Error(), r.target)) {
			t.Errorf("%s, %v %q: error %v", c.method, c.code, c.message, err)
		}
		if warnings := strings.Count(logged.String(), "level=WARN"); (attempts > 1) != (warnings == 1) {
			t.Errorf("%s, %v %q: %d warnings", c.method, c.code, c.message, warnings)
		}
	}
}

// The caller's context ends repetitions, and the last error says what it was.
func TestRepetitionEnds(t *testing.T) {
	r := &repeater{log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := r.call(ctx, "/method", nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
		return status.Error(codes.Unavailable, "connection refused")
	})
	if !errors.Is(err, context.DeadlineExceeded) || status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
}

func TestWarningAboutPlainText(t *testing.T) {
	for target, warned := range map[string]bool{
		"localhost:8090": false, "127.0.0.1:8090": false, "[::1]:8090": false,
		"trillian:8090": true, "10.0.0.1:8090": true, "dns:///trillian:8090": true,
	} {
		var logged bytes.Buffer
		o := &Options{Target: target, Logger: slog.New(slog.NewTextHandler(&logged, nil))}
		if _, err := o.dialOptions(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(logged.String(), "not encrypted"); got != warned {
			t.Errorf("%s: warned %v, want %v", target, got, warned)
		}
	}
}

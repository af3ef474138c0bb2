package trilliansvc

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/storage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/warg-trillian/warg-trillian/warg/follow"
)

// dialed starts a log server on a TCP port and connects to it.
func dialed(t *testing.T) (*Service, *embedded) {
	t.Helper()
	e, err := startEmbedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { e.served <- e.server.Serve(l) }()
	t.Cleanup(func() {
		e.stop()
		if err := e.close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s, err := Dial(ctx, Options{Target: l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, e
}

func TestDial(t *testing.T) {
	s, e := dialed(t)
	l, err := s.OpenLog(t.Context(), 0, "records")
	if err != nil {
		t.Fatal(err)
	}
	value := []byte("value")
	// An answer beyond gRPC's default limit of 4 MiB.
	leaf := follow.Leaf{Value: value, ExtraData: make([]byte, 5<<20)}
	if err := l.Queue(t.Context(), []follow.Leaf{leaf}); err != nil {
		t.Fatal(err)
	}
	if err := l.Integrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if root, err := l.Root(t.Context()); err != nil || root.Size != 0 {
		t.Errorf("Integrate integrated remotely: size %d, error %v", root.Size, err)
	}
	if err := e.integrate(t.Context(), l.ID()); err != nil { // as the signer there does
		t.Fatal(err)
	}
	got, err := l.Leaves(t.Context(), 0, 10)
	if err != nil || len(got) != 1 || !bytes.Equal(got[0].ExtraData, leaf.ExtraData) {
		t.Errorf("%d leaves, error %v", len(got), err)
	}
}

func TestOpenLogRefusesOtherTrees(t *testing.T) {
	s, e := dialed(t)
	create := func(name string, kind trillian.TreeType) *trillian.Tree {
		tx := &trillian.Tree{TreeState: trillian.TreeState_ACTIVE, TreeType: kind, DisplayName: name, MaxRootDuration: durationpb.New(0)}
		var made *trillian.Tree
		err := e.registry.AdminStorage.ReadWriteTransaction(t.Context(), func(ctx context.Context, a storage.AdminTX) (err error) {
			made, err = a.CreateTree(ctx, tx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	preordered := create("records", trillian.TreeType_PREORDERED_LOG)
	if _, err := s.OpenLog(t.Context(), preordered.TreeId, ""); err == nil || !strings.Contains(err.Error(), "PREORDERED") {
		t.Errorf("PREORDERED_LOG: %v", err)
	}
	deleted := create("deleted", trillian.TreeType_LOG)
	if _, err := s.admin.DeleteTree(t.Context(), &trillian.DeleteTreeRequest{TreeId: deleted.TreeId}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenLog(t.Context(), deleted.TreeId, ""); err == nil || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("deleted: %v", err)
	}
	l, err := s.OpenLog(t.Context(), 0, "deleted") // the name is free again
	if err != nil || l.ID() == deleted.TreeId {
		t.Errorf("the deleted tree was opened by its name, error %v", err)
	}
	frozen := create("frozen", trillian.TreeType_LOG)
	frozen.TreeState = trillian.TreeState_FROZEN
	if _, err := s.admin.UpdateTree(t.Context(), &trillian.UpdateTreeRequest{Tree: frozen, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"tree_state"}}}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{frozen.TreeId, 0} {
		if _, err := s.OpenLog(t.Context(), id, "frozen"); err == nil || !strings.Contains(err.Error(), "FROZEN") {
			t.Errorf("frozen, by id %d: %v", id, err)
		}
	}
	if l, err = s.OpenLog(t.Context(), 0, "records"); err != nil || l.ID() == preordered.TreeId {
		t.Errorf("the PREORDERED_LOG was opened by its name, error %v", err)
	}
}

// The log goes on when the clock is set back, with later times than before.
func TestClockSetBack(t *testing.T) {
	dir := t.TempDir()
	future := time.Now().Add(2 * time.Hour)
	run := func(ahead bool, size uint64) time.Time {
		s, err := Embedded(t.Context(), dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if ahead {
			s.embedded.clock.saw(future)
		}
		l, err := s.OpenLog(t.Context(), 0, "records")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Integrate(t.Context()); err != nil { // what the run before has left
			t.Fatal(err)
		}
		root, made, err := l.latestRoot(t.Context())
		if err != nil || root.Size != size {
			t.Fatalf("size %d, error %v, want %d", root.Size, err, size)
		}
		value := fmt.Append(nil, size)
		if err := l.Queue(t.Context(), []follow.Leaf{{Value: value}}); err != nil {
			t.Fatal(err)
		}
		return made
	}
	run(true, 0)
	first := run(false, 1)
	if first.Before(time.Now().Add(-time.Minute)) {
		t.Errorf("time %v", first)
	}
	if second := run(false, 2); !second.After(first) {
		t.Errorf("time went from %v to %v", first, second)
	}
}

func TestKlogIsQuiet(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(quieter{slog.NewTextHandler(&out, nil)}).With("component", "trillian")
	log.Info("sequenced 5 leaves")
	if out.Len() > 0 {
		t.Errorf("an info message came through: %s", &out)
	}
	log.Error("failed to sequence")
	if !strings.Contains(out.String(), "failed to sequence") || !strings.Contains(out.String(), "component=trillian") {
		t.Errorf("an error did not come through: %s", &out)
	}
}

// A call without a deadline gets one; a caller's own deadline stays.
func TestCallsHaveDeadlines(t *testing.T) {
	deadline := func(ctx context.Context) (left time.Duration) {
		err := withDeadline(callTimeout)(ctx, "/method", nil, nil, nil, func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
			at, ok := ctx.Deadline()
			if !ok {
				t.Error("no deadline")
			}
			left = time.Until(at)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return left
	}
	if left := deadline(t.Context()); left > callTimeout || left < callTimeout/2 {
		t.Errorf("%v left", left)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if left := deadline(ctx); left < time.Hour/2 {
		t.Errorf("%v left of an hour", left)
	}
	s, _ := dialed(t)
	ctx, cancel = context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := s.OpenLog(ctx, 1, ""); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("error %v", err)
	}
}

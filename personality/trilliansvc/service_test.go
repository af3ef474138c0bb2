package trilliansvc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/sqlitestorage"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

func TestRestartKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	l := openLog(t, s, 0, "records")
	queue(t, l, leaves(0, 300)...)
	root := integrate(t, l)
	queue(t, l, leaves(300, 310)...) // never integrated in this run
	before := readAll(t, l)
	stop(t, s)
	stop(t, s) // again, without effect
	if err := l.Integrate(t.Context()); !errors.Is(err, trilliansvc.ErrClosed) {
		t.Errorf("Integrate after Close: %v", err)
	}
	if err := l.Queue(t.Context(), leaves(400, 401)); err == nil {
		t.Error("Queue after Close succeeded")
	}

	s = start(t, dir)
	defer stop(t, s)
	again := openLog(t, s, 0, "records")
	if again.ID() != l.ID() {
		t.Fatalf("the display name gave tree %d, then %d", l.ID(), again.ID())
	}
	if got, err := again.Root(t.Context()); err != nil || got != root {
		t.Errorf("root %v, error %v, want %v", got, err, root)
	}
	if root := integrate(t, again); root.Size != 310 {
		t.Errorf("size %d, want 310", root.Size)
	}
	after := readAll(t, again)
	if !slices.EqualFunc(before, after[:300], sameLeaf) {
		t.Error("leaves changed")
	}
}

func TestTwoLogs(t *testing.T) {
	s := start(t, t.TempDir())
	defer stop(t, s)
	records, checkpoints := openLog(t, s, 0, "records"), openLog(t, s, 0, "checkpoints")
	if records.ID() == checkpoints.ID() {
		t.Fatal("two names, one tree")
	}
	queue(t, records, leaves(0, 50)...)
	queue(t, checkpoints, leaf(0)) // the same leaf in another log is no duplicate
	if root := integrate(t, checkpoints); root.Size != 1 {
		t.Errorf("checkpoints: size %d", root.Size)
	}
	if root, err := records.Root(t.Context()); err != nil || root.Size != 0 {
		t.Errorf("advancing one log advanced the other: size %d, error %v", root.Size, err)
	}
	if root := integrate(t, records); root.Size != 50 {
		t.Errorf("records: size %d", root.Size)
	}
	readAll(t, records)
	readAll(t, checkpoints)
}

func TestOpenLog(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	defer stop(t, s)
	l := openLog(t, s, 0, "records")
	if again := openLog(t, s, 0, "records"); again.ID() != l.ID() {
		t.Error("the name was not found again")
	}
	if again := openLog(t, s, l.ID(), ""); again.ID() != l.ID() {
		t.Error("the id was not found")
	}
	for _, c := range []struct {
		id   int64
		name string
	}{{l.ID() ^ 1, ""}, {-1, ""}, {0, ""}} {
		if _, err := s.OpenLog(t.Context(), c.id, c.name); err == nil {
			t.Errorf("OpenLog(%d, %q) succeeded", c.id, c.name)
		} else if c.id != 0 && !strings.Contains(err.Error(), fmt.Sprint(c.id)) {
			t.Errorf("error does not name the tree: %v", err)
		}
	}
	var wg sync.WaitGroup
	ids := make([]int64, 8)
	for i := range ids {
		wg.Go(func() {
			l, err := s.OpenLog(context.Background(), 0, "race")
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = l.ID()
		})
	}
	wg.Wait()
	if len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 1 {
		t.Errorf("openers at the same time got trees %v", ids)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	defer stop(t, s)
	_, err := trilliansvc.Embedded(t.Context(), dir, slog.New(slog.DiscardHandler))
	if !errors.Is(err, sqlitestorage.ErrInUse) {
		t.Errorf("a second service on the folder: %v", err)
	}
}

// Many writers, a signer and readers at once.
func TestConcurrentUse(t *testing.T) {
	l := newLog(t)
	const writers, each = 8, 60
	ctx, cancel := context.WithCancel(t.Context())
	var others, wg sync.WaitGroup
	others.Go(func() {
		for ctx.Err() == nil {
			if err := l.Integrate(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	others.Go(func() {
		for ctx.Err() == nil {
			root, err := l.Root(context.Background())
			if err != nil {
				t.Error(err)
			} else if root.Size > 1 {
				if _, err := l.InclusionProof(context.Background(), root.Size/2, root.Size); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := l.Queue(context.Background(), leaves(w*each+i, w*each+i+1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	others.Wait()
	if root := integrate(t, l); root.Size != writers*each {
		t.Errorf("size %d, want %d", root.Size, writers*each)
	}
	readAll(t, l)
}

func TestDialNobody(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := trilliansvc.Dial(ctx, trilliansvc.Options{Target: "127.0.0.1:1"}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("error %v", err)
	}
}

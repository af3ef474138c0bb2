package groupcommit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

var errBad = errors.New("bad item")

// newBlocked returns a group whose first commit says that it began and then waits
// for the gate, and the sizes of the commits so far.
func newBlocked() (g *Group[int], began chan struct{}, gate chan struct{}, sizes func() []int) {
	began, gate = make(chan struct{}, 1), make(chan struct{})
	var mu sync.Mutex
	var all []int
	var first sync.Once
	g = &Group[int]{Commit: func(items []int) error {
		first.Do(func() { began <- struct{}{}; <-gate })
		mu.Lock()
		defer mu.Unlock()
		all = append(all, len(items))
		if slices.Contains(items, -1) {
			return errBad
		}
		return nil
	}}
	return g, began, gate, func() []int { mu.Lock(); defer mu.Unlock(); return all }
}

// waitFor returns when n items wait behind a commit that is under way.
func waitFor(g *Group[int], n int) {
	for {
		g.mu.Lock()
		ok := len(g.waiting) == n
		g.mu.Unlock()
		if ok {
			return
		}
	}
}

// While a commit is under way the items that come wait for the next one, and all
// of them are in it; one that cannot be committed fails alone.
func TestItemsShareCommits(t *testing.T) {
	g, began, gate, sizes := newBlocked()
	var callers sync.WaitGroup
	do := func(item int) {
		callers.Go(func() {
			err := g.Do(context.Background(), item)
			if (item < 0) != errors.Is(err, errBad) {
				t.Errorf("item %d: %v", item, err)
			}
		})
	}
	do(0)
	<-began
	for i := range 5 {
		do(i + 1)
	}
	do(-1)
	waitFor(g, 6)
	close(gate)
	callers.Wait()
	// The first; the six others together, which fails; each of them alone.
	if got := sizes(); !slices.Equal(got, []int{1, 6, 1, 1, 1, 1, 1, 1}) {
		t.Errorf("commits of %v items", got)
	}
}

func TestCloseWaitsAndRefuses(t *testing.T) {
	g, began, gate, sizes := newBlocked()
	first := make(chan error, 1)
	go func() { first <- g.Do(context.Background(), 1) }()
	<-began
	closed := make(chan struct{})
	go func() { g.Close(); close(closed) }()
	for err := error(nil); !errors.Is(err, ErrClosed); {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err = g.Do(ctx, 2) // before it is closed, it is taken and not waited for
	}
	select {
	case <-closed:
		t.Error("closed while a commit was under way")
	default:
	}
	close(gate)
	<-closed
	if err := <-first; err != nil {
		t.Errorf("the item under way: %v", err)
	}
	if len(sizes()) == 0 {
		t.Error("nothing was committed")
	}
}

// A caller that goes away does not wait, and its item is committed nevertheless.
func TestCallerGoesAway(t *testing.T) {
	g, began, gate, sizes := newBlocked()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Do(ctx, 1) }()
	<-began
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that went away got %v", err)
	}
	close(gate)
	g.Close()
	if got := sizes(); !slices.Equal(got, []int{1}) {
		t.Errorf("commits of %v items", got)
	}
}

func TestCommitsAreBounded(t *testing.T) {
	g := &Group[int]{
		Size:     func(item int) (int, int) { return item % 1000, item / 1000 },
		MaxItems: 100, MaxBytes: 10,
	}
	for _, item := range []int{6_001, 6_001, 1, 101, 1, 1} {
		g.waiting = append(g.waiting, &call[int]{item: item})
	}
	for _, want := range []int{1, 2, 1, 2, 0} {
		if got := len(g.next()); got != want {
			t.Errorf("commit of %d items, want %d", got, want)
		}
	}
}

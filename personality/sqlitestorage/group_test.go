package sqlitestorage

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/trillian"
)

// While a commit is under way the calls that come wait for the next one, and all
// of them are in it; one that cannot be committed fails alone.
func TestCallsShareCommits(t *testing.T) {
	var mu sync.Mutex
	var groups []int
	gate := make(chan struct{})
	bad := errors.New("bad call")
	q := &queue{commit: func(calls []*queueCall) error {
		<-gate
		mu.Lock()
		defer mu.Unlock()
		groups = append(groups, len(calls))
		for _, c := range calls {
			if len(c.leaves) == 0 {
				return bad
			}
			c.result = []*trillian.QueuedLogLeaf{{Leaf: c.leaves[0]}}
		}
		return nil
	}}
	var wg sync.WaitGroup
	call := func(index int64, leaves ...*trillian.LogLeaf) {
		wg.Go(func() {
			got, err := q.do(context.Background(), &queueCall{leaves: leaves})
			if len(leaves) == 0 {
				if err != bad || got != nil {
					t.Errorf("the bad call got %v, %v", got, err)
				}
			} else if err != nil || got[0].Leaf.LeafIndex != index {
				t.Errorf("call %d got %v, %v", index, got, err)
			}
		})
	}
	waiting := func(n int) {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			q.mu.Lock()
			ok := q.running && len(q.waiting) == n
			q.mu.Unlock()
			if ok {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d calls never waited", n)
			}
		}
	}
	call(0, &trillian.LogLeaf{LeafIndex: 0})
	waiting(0) // the first is being committed
	for i := int64(1); i <= 5; i++ {
		call(i, &trillian.LogLeaf{LeafIndex: i})
	}
	call(6)
	waiting(6)
	close(gate)
	wg.Wait()
	// The first; the six others together, which fails; each of them alone.
	if len(groups) != 8 || groups[0] != 1 || groups[1] != 6 {
		t.Errorf("commits of %v calls", groups)
	}
	q.close()
	if _, err := q.do(context.Background(), &queueCall{}); err == nil {
		t.Error("a closed queue took a call")
	}
}

func TestGroupsAreBounded(t *testing.T) {
	q := new(queue)
	big := &queueCall{leaves: []*trillian.LogLeaf{{LeafValue: make([]byte, groupBytes/2+1)}}}
	many := &queueCall{leaves: make([]*trillian.LogLeaf, groupLeaves+1)}
	for i := range many.leaves {
		many.leaves[i] = new(trillian.LogLeaf)
	}
	small := &queueCall{leaves: []*trillian.LogLeaf{{}}}
	q.waiting = []*queueCall{big, big, small, many, small, small}
	for _, want := range []int{1, 2, 1, 2, 0} {
		if got := len(q.next()); got != want {
			t.Errorf("group of %d calls, want %d", got, want)
		}
	}
}

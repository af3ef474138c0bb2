package content

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// queue is a test's view of turns: who was let in, in order.
type queue struct {
	*testing.T
	turns *turns
	in    chan string
}

func newQueue(t *testing.T, capacity int64) *queue {
	return &queue{t, newTurns(capacity), make(chan string)}
}

// come makes a client wait for weight, and returns when it does, or has it.
func (q *queue) come(ctx context.Context, client string, weight, cost int64) <-chan error {
	result := make(chan error, 1)
	before := q.arrived()
	go func() {
		err := q.turns.acquire(ctx, client, weight, cost)
		if err == nil {
			q.in <- client
		}
		result <- err
	}()
	for q.arrived() == before {
	}
	return result
}

func (q *queue) arrived() int64 {
	q.turns.mu.Lock()
	defer q.turns.mu.Unlock()
	return q.turns.arrived
}

// wait returns who is let in next.
func (q *queue) next() string { return <-q.in }

// drain lets in, and out again, n clients, each with weight 1, and returns their order.
func (q *queue) drain(n int) []string {
	var order []string
	for range n {
		client := q.next()
		order = append(order, client)
		q.turns.release(client, 1, 0)
	}
	return order
}

func (q *queue) free(want int64) {
	q.Helper()
	q.turns.mu.Lock()
	defer q.turns.mu.Unlock()
	if q.turns.free != want {
		q.Errorf("%d are free, want %d", q.turns.free, want)
	}
}

func TestTurnsGoRound(t *testing.T) {
	q := newQueue(t, 1)
	q.come(t.Context(), "greedy", 1, 10)
	q.next()
	for range 3 {
		q.come(t.Context(), "greedy", 1, 10)
	}
	q.come(t.Context(), "modest", 1, 10)
	q.come(t.Context(), "other", 1, 10)
	q.turns.release("greedy", 1, 0)
	if got, want := q.drain(5), []string{"modest", "other", "greedy", "greedy", "greedy"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	q.free(1)
	if len(q.turns.clients) != 0 {
		t.Errorf("idle clients are remembered: %v", q.turns.clients)
	}
}

// A client pays for what it really took, and one that was away has nothing saved.
func TestTurnsCountWhatWasTaken(t *testing.T) {
	q := newQueue(t, 1)
	q.come(t.Context(), "light", 1, 10)
	q.next()
	for range 2 {
		q.come(t.Context(), "heavy", 1, 10)
		q.come(t.Context(), "light", 1, 10)
	}
	q.turns.release("light", 1, -9) // 1 taken
	var order []string
	for range 4 {
		client := q.next()
		order = append(order, client)
		if client == "heavy" {
			q.turns.release(client, 1, 90) // 100 taken
		} else {
			q.turns.release(client, 1, -9)
		}
		if len(order) == 1 {
			// It has waited for less than heavy has had, but comes now.
			q.come(t.Context(), "new", 1, 10)
			q.come(t.Context(), "new", 1, 10)
		}
	}
	if want := []string{"heavy", "light", "new", "light"}; !slices.Equal(order, want) {
		t.Errorf("got %q, want %q", order, want)
	}
	if got, want := q.drain(2), []string{"new", "heavy"}; !slices.Equal(got, want) {
		t.Errorf("then %q, want %q", got, want)
	}
}

// Passing gives way to who goes before, and to nobody else.
func TestTurnsArePassedOn(t *testing.T) {
	q := newQueue(t, 1)
	q.come(t.Context(), "first", 1, 10)
	q.next()
	if err := q.turns.pass(t.Context(), "first", 1, 0, 10); err != nil { // nobody waits
		t.Fatal(err)
	}
	q.come(t.Context(), "second", 1, 10)
	passed := make(chan error)
	go func() { passed <- q.turns.pass(t.Context(), "first", 1, 0, 10) }()
	if got := q.next(); got != "second" {
		t.Errorf("%s is let in", got)
	}
	q.turns.release("second", 1, 0)
	if err := <-passed; err != nil {
		t.Error(err)
	}
	q.free(0)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.turns.pass(cancelled, "first", 1, 0, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	q.free(1) // given back all the same
}

func TestTurnsLeaveHalf(t *testing.T) {
	q := newQueue(t, 4)
	for range 4 {
		q.come(t.Context(), "greedy", 1, 1)
	}
	q.next()
	q.next()
	q.free(2)
	q.come(t.Context(), "modest", 2, 1)
	if got := q.next(); got != "modest" {
		t.Errorf("%s is let in", got)
	}
	q.turns.release("greedy", 1, 0)
	if got := q.next(); got != "greedy" {
		t.Errorf("then %s is let in", got)
	}
}

// Who needs all of it is not overtaken for ever, nor who needs more than there is.
func TestTurnsOfLargeOnes(t *testing.T) {
	q := newQueue(t, 4)
	q.come(t.Context(), "small", 1, 1)
	q.next()
	q.come(t.Context(), "huge", 100, 1)
	q.come(t.Context(), "late", 1, 1)
	q.turns.release("small", 1, 0)
	if got := q.next(); got != "huge" {
		t.Errorf("%s is let in", got)
	}
	q.turns.release("huge", 100, 0)
	if got := q.next(); got != "late" {
		t.Errorf("then %s is let in", got)
	}
	q.free(3)
}

// Who stops waiting is not let in, and holds nobody up.
func TestTurnsOfThoseWhoLeave(t *testing.T) {
	q := newQueue(t, 2)
	q.come(t.Context(), "first", 1, 1)
	q.next()
	gone := errors.New("gone")
	ctx, leave := context.WithCancelCause(t.Context())
	leaver := q.come(ctx, "leaver", 2, 1)
	q.come(t.Context(), "behind", 1, 1)
	leave(gone)
	if err := <-leaver; !errors.Is(err, gone) {
		t.Errorf("got %v, want the cause", err)
	}
	if got := q.next(); got != "behind" {
		t.Errorf("%s is let in", got)
	}
	q.turns.release("first", 1, 0)
	q.turns.release("behind", 1, 0)
	q.free(2)
}

// Who is let in at the moment of leaving either has what it waited for or left it.
func TestTurnsOfThoseWhoLeaveInTheLastMoment(t *testing.T) {
	left := 0
	for range 200 {
		turns := newTurns(1)
		if err := turns.acquire(t.Context(), "first", 1, 1); err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		result := make(chan error)
		go func() { result <- turns.acquire(ctx, "leaver", 1, 1) }()
		for waiting := false; !waiting; {
			turns.mu.Lock()
			waiting = turns.arrived == 2
			if waiting {
				leave()
				turns.giveBack("first", 1, 0)
				turns.letIn()
			}
			turns.mu.Unlock()
		}
		if err := <-result; err == nil {
			turns.release("leaver", 1, 0)
		} else {
			left++
		}
		if turns.free != 1 || len(turns.clients) != 0 {
			t.Fatalf("%d are free, %d clients are known", turns.free, len(turns.clients))
		}
	}
	if left == 0 {
		t.Error("nobody left in the last moment")
	}
}

package content

import (
	"context"
	"fmt"
)

// Work is counted in steps of the validator (see package meter): a step takes about
// 10 ns. Real modules and components were seen to take 1 to 3 steps a byte, and WIT
// packages of 45 kB 6. Being counted, the bound is the same on every machine, however
// busy it is.
const (
	baseSteps    int64 = 1 << 25 // that any check may do: about a third of a second
	stepsPerByte int64 = 16      // more per byte of content: about 160 ms a MB

	// sliceSteps are done between two questions: whether to go on, and whose turn it
	// is. Go's garbage collector waits for the end of a slice, about 2 ms.
	sliceSteps int64 = 1 << 18
)

// maxSteps is how many steps the check of size bytes may take.
func maxSteps(size int64) int64 { return baseSteps + stepsPerByte*size }

// work is what one check does, slice by slice, each in a turn of its client. It
// belongs to one goroutine.
type work struct {
	turns  *turns
	client string
	size   int64 // of the content, in bytes

	steps   int64 // done so far
	counted int64 // of them, those that were charged for before this turn
	inTurn  bool
}

// begin waits for the first turn.
func (w *work) begin(ctx context.Context) error {
	err := w.turns.acquire(ctx, w.client, 1, sliceSteps)
	w.inTurn = err == nil
	return err
}

// end gives the turn back, if there is one.
func (w *work) end() {
	if w.inTurn {
		w.turns.release(w.client, 1, w.correction())
		w.inTurn = false
	}
}

func (w *work) done(steps int64) { w.steps += steps }

// again begins with the steps of another question, in the same turn.
func (w *work) again() {
	w.counted -= w.steps // it stays what was charged for
	w.steps = 0
}

// more waits for the next turn and returns how many steps to do in it. It fails
// with a [*RejectedError] if all that may be done are done.
func (w *work) more(ctx context.Context) (int64, error) {
	left := maxSteps(w.size) - w.steps
	if left <= 0 {
		return 0, &RejectedError{Costly: true, Reason: fmt.Sprintf(
			"content is too costly to check: for %d bytes of WebAssembly, the validator may take %d million steps, and this needs more (mostly, functions or types are far larger than compilers make them)",
			w.size, maxSteps(w.size)/1_000_000)}
	}
	err := w.turns.pass(ctx, w.client, 1, w.correction(), sliceSteps)
	if w.inTurn = err == nil; err != nil {
		return 0, fmt.Errorf("validating content: %w", err)
	}
	return min(left, sliceSteps), nil
}

// correction is how much more was done in this turn than charged for.
func (w *work) correction() int64 {
	done := w.steps - w.counted
	w.counted = w.steps
	return done - sliceSteps
}

package follow_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/follow"
)

// An auditor reads a log in pages, and later goes on with what was added.
func ExampleNext() {
	ctx := context.Background()
	log := newMemory("leaf", 5)
	read := func(known follow.State) (follow.State, error) {
		for {
			batch, err := follow.Next(ctx, log, known, 3)
			if inconsistent, ok := errors.AsType[*follow.InconsistentError](err); ok {
				return known, fmt.Errorf("this log is not append-only: %w", inconsistent)
			} else if err != nil {
				return known, err
			}
			for _, leaf := range batch.Leaves {
				fmt.Println(leaf.Index, string(leaf.Value))
			}
			if known = batch.State; !batch.More() {
				return known, nil
			}
		}
	}
	known, err := read(follow.State{})
	fmt.Println(known.Size(), err)
	log = newMemory("leaf", 6)
	known, err = read(known)
	fmt.Println(known.Size(), err)
	log = newMemory("another leaf", 7)
	_, err = read(known)
	fmt.Println(err != nil)
	// Output:
	// 0 leaf 0
	// 1 leaf 1
	// 2 leaf 2
	// 3 leaf 3
	// 4 leaf 4
	// 5 <nil>
	// 5 leaf 5
	// 6 <nil>
	// true
}

package parts

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// A part that does not answer is named, and says nothing about the others: not
// about those that answered before, nor about those that answer in its time.
func TestSlowPartIsTheOnlyOneBlamed(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	broken := errors.New("it is full")
	well := func(context.Context) error { return nil }
	checks := []check{
		{PartPublishing, well},
		{PartDatabase, func(context.Context) error { <-release; return nil }}, // deaf to its deadline
		{PartTrillian, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{PartContent, well},
		{PartContentWrites, func(context.Context) error { return broken }},
	}
	got := ask(context.Background(), checks, 50*time.Millisecond)
	for i, want := range []string{"", "database did not answer", "deadline exceeded", "", "it is full"} {
		c := got[i]
		if c.Part != checks[i].part || (c.Err == nil) != (want == "") || c.Err != nil && !strings.Contains(c.Err.Error(), want) {
			t.Errorf("%s: %v, want %q of %s", c.Part, c.Err, want, checks[i].part)
		}
	}
}

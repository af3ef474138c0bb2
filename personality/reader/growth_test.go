package reader_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// The first and the newest checkpoint are among those that show how the log grew, each is
// longer than the one before it, none is made up, and there are no more than was asked for.
func TestGrowth(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Eventually("the operator's record is published", func() bool { return length(s) == 1 })
	const records = 25
	for i := range records {
		author := s.Author(fmt.Sprintf("example:p%d", i))
		author.Post(registrytest.Init(author.Key))
		s.Eventually("it is published", func() bool { return length(s) == uint64(i)+2 })
	}
	all := s.SignedCheckpoints()
	for _, points := range []int{1, 2, 5, 24, 25, 26, 1000} {
		got, err := s.Growth(t.Context(), points)
		if err != nil {
			t.Fatal(err)
		}
		var lengths []uint64
		for _, c := range got {
			lengths = append(lengths, c.LogLength)
			if known, ok := all[c.LogLength]; !ok || known.Checkpoint != c.Checkpoint {
				t.Errorf("there is no checkpoint %+v", c)
			}
		}
		if len(got) > points+1 || 2*len(got) < min(points, records) {
			t.Errorf("%d points were asked for, and %d came", points, len(got))
		}
		increasing := func(a, b uint64) int { return int(a) - int(b) }
		if !slices.IsSortedFunc(lengths, increasing) || len(slices.Compact(slices.Clone(lengths))) != len(lengths) {
			t.Errorf("%d points: lengths %v", points, lengths)
		}
		if lengths[0] != 1 || lengths[len(lengths)-1] != records+1 {
			t.Errorf("%d points: from %d to %d, want 1 to %d", points, lengths[0], lengths[len(lengths)-1], records+1)
		}
	}
}

func TestGrowthOfNothing(t *testing.T) {
	s := registrytest.New(t)
	var none []protocol.TimestampedCheckpoint
	got, err := s.Growth(t.Context(), 10)
	if err != nil || !slices.Equal(got, none) {
		t.Errorf("before the first checkpoint there is %v, %v", got, err)
	}
}

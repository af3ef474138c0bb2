package proof

import (
	"errors"
	"testing"
)

func TestRootBehind(t *testing.T) {
	n := newTestLog(propertyLength)
	naive := newNaiveLog(propertyLength)
	for from := uint64(1); from < propertyLength; from++ {
		for _, to := range []uint64{from + 1, propertyLength} {
			b, err := ConsistencyBundle(from, to, n.balancedRoots(t, to), n.path(t, from-1, to))
			if err != nil {
				t.Fatal(err)
			}
			leaf := naive.leaves(from)[0]
			if got, err := b.RootBehind(from, leaf.Hash); err != nil || got != naive.root(from+1) {
				t.Fatalf("leaf behind %d of %d: root %s, %v; want %s", from, to, got, err, naive.root(from+1))
			}
		}
	}
}

func TestRootBehindWithoutHashes(t *testing.T) {
	if _, err := (LogBundle{}).RootBehind(3, HashChildren(&testHash, &testHash)); !errors.Is(err, ErrMissingHash) {
		t.Errorf("no hashes: %v", err)
	}
	for _, from := range []uint64{0, MaxLogLength, 1<<64 - 1} {
		if _, err := (LogBundle{}).RootBehind(from, testHash); !errors.Is(err, ErrRange) {
			t.Errorf("behind %d leaves: %v", from, err)
		}
	}
}

var testHash = EmptyMapHash(0)

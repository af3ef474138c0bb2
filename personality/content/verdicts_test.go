package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestCostlyContentIsRemembered(t *testing.T) {
	p := newPolicy(t)
	f, _ := newFolder(t, 0)
	verdicts := NewRecentVerdicts(10)
	sample := costlyTest()
	digest := protocol.HashOf(sample)
	checks := 0
	counted := func(ctx context.Context, r io.ReaderAt, size int64) error {
		checks++
		return p.Check(ctx, r, size)
	}
	put := func() error {
		_, err := f.Put(t.Context(), digest, bytes.NewReader(sample), Remember(verdicts, digest, counted))
		return err
	}
	var first, second, known *RejectedError
	if err := put(); !errors.As(err, &first) || !first.Costly {
		t.Fatalf("the first time: %v", err)
	}
	if err := put(); !errors.As(err, &second) || *second != *first {
		t.Errorf("the second time: %v, the first: %v", err, first)
	}
	if err := Known(t.Context(), verdicts, digest); !errors.As(err, &known) || *known != *first {
		t.Errorf("before an upload: %v", err)
	}
	if checks != 1 {
		t.Errorf("it was checked %d times", checks)
	}
	if err := Known(t.Context(), verdicts, protocol.HashOf([]byte("other"))); err != nil {
		t.Errorf("other content: %v", err)
	}
}

// Only what costs is remembered, and only under the digest of the very bytes.
func TestWhatIsNotRemembered(t *testing.T) {
	f, _ := newFolder(t, 0)
	verdicts := NewRecentVerdicts(10)
	data := []byte("data")
	digest := protocol.HashOf(data)
	broken := errors.New("the disk is broken")
	costly := &RejectedError{Reason: "too costly", Costly: true}
	for name, test := range map[string]struct {
		data   []byte
		result error
	}{
		"good":        {data, nil},
		"invalid":     {data, &RejectedError{Reason: "invalid"}},
		"unreadable":  {data, broken},
		"other bytes": {[]byte("crafted"), costly},
	} {
		check := func(context.Context, io.ReaderAt, int64) error { return test.result }
		f.Put(t.Context(), digest, bytes.NewReader(test.data), Remember(verdicts, digest, check))
		if err := Known(t.Context(), verdicts, digest); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type brokenVerdicts struct {
	RecentVerdicts
	err error
}

func (b *brokenVerdicts) Put(context.Context, protocol.Hash, string) error { return b.err }

func TestVerdictThatCannotBeRemembered(t *testing.T) {
	broken := &brokenVerdicts{*NewRecentVerdicts(1), errors.New("the database is away")}
	costly := &RejectedError{Reason: "too costly", Costly: true}
	check := Remember(broken, protocol.Hash{1}, func(context.Context, io.ReaderAt, int64) error { return costly })
	err := check(t.Context(), strings.NewReader(""), 0)
	if !errors.Is(err, broken.err) || !errors.Is(err, costly) {
		t.Errorf("got %v, want both errors", err)
	}
}

func TestRecentVerdicts(t *testing.T) {
	v := NewRecentVerdicts(2)
	known := func(i byte) bool {
		reason, known, err := v.Get(t.Context(), protocol.Hash{i})
		if err != nil || known != (reason != "") {
			t.Errorf("%d: %q, %v, %v", i, reason, known, err)
		}
		return known
	}
	put := func(i byte) {
		if err := v.Put(t.Context(), protocol.Hash{i}, "a reason"); err != nil {
			t.Error(err)
		}
	}
	put(1)
	put(2)
	put(2)
	if !known(1) {
		t.Error("1 is forgotten too early")
	}
	put(3) // 2 was not used for longest
	if !known(1) || known(2) || !known(3) {
		t.Error("not the one that was not used for longest was forgotten")
	}
}

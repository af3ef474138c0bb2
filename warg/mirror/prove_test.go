package mirror_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

func TestProve(t *testing.T) {
	r := tlogtest.New(t)
	key, err := tlog.NewVerifier(r.Keys[tlog.Records].VKeys()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{20, 256, 257, 900} {
		grow(r, size)
		s := &source{files: r.Files()}
		for _, index := range []int{11, size / 2, size - 1} {
			if index < 8 {
				continue // these begin packages
			}
			n := fmt.Sprintf("example:p%d", index%7)
			name, err := protocol.ParsePackageName(n)
			if err != nil {
				t.Fatal(err)
			}
			version := fmt.Sprintf("1.0.%d", index)
			p, err := mirror.Prove(t.Context(), s, vkeys(r), name, version)
			if err != nil {
				t.Fatalf("%s %s of %d records: %v", name, version, size, err)
			}
			if want := r.Path(tlog.Records, index); !slices.Equal(p.Path, want) || p.Index != uint64(index) {
				t.Errorf("index %d of %d: path of %d hashes, want %d", p.Index, size, len(p.Path), len(want))
			}
			o := recordproof.Options{Logs: []note.Verifier{key}, Name: name, Version: version}
			if _, err := recordproof.Verify(p.Encode(), protocol.HashOf(fmt.Appendf(nil, "content %d", index)), o); err != nil {
				t.Error(err)
			}
			var missing *mirror.NotReleasedError
			if _, err := mirror.Prove(t.Context(), s, vkeys(r), name, "7.0.0"); !errors.As(err, &missing) || missing.Records == 0 {
				t.Errorf("a version that is not there: %v", err)
			}
		}
	}
}

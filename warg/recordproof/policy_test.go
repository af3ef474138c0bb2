package recordproof_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

func TestVerifyPolicy(t *testing.T) {
	r := registry(t)
	first, second := witnesstest.NewKey("first.example"), witnesstest.NewMLDSAKey(t, "second.example")
	policy := func(quorum string, logs ...string) *witness.Policy {
		text := ""
		for _, log := range logs {
			text += "log " + log + "\n"
		}
		text += fmt.Sprintf("witness first %s\nwitness second %s\ngroup both all first second\nquorum %s\n", first.VKey, second.VKey, quorum)
		p, err := witness.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	vkey := r.Keys[tlog.Records].VKeys()[0]
	p := makeProof(t, r, 1)
	digest := protocol.HashOf(content)
	signed := string(p.Note)
	for what, test := range map[string]struct {
		note   string
		policy *witness.Policy
		logs   []string
		want   error
		count  int
	}{
		"both":                        {signed + first.Cosign(t, p.Note, 1000) + second.Cosign(t, p.Note, 2000), policy("both", vkey), nil, nil, 2},
		"one of both":                 {signed + first.Cosign(t, p.Note, 1000), policy("both", vkey), nil, recordproof.ErrNote, 0},
		"the right one":               {signed + first.Cosign(t, p.Note, 1000), policy("first", vkey), nil, nil, 1},
		"the wrong one":               {signed + first.Cosign(t, p.Note, 1000), policy("second", vkey), nil, recordproof.ErrNote, 0},
		"none is needed":              {signed + first.Cosign(t, p.Note, 1000), policy("none", vkey), nil, nil, 1},
		"time zero":                   {signed + first.Cosign(t, p.Note, 0), policy("first", vkey), nil, recordproof.ErrNote, 0},
		"another tree head":           {signed + first.Cosign(t, r.Note(tlog.Records, 3), 1000), policy("first", vkey), nil, recordproof.ErrNote, 0},
		"a log by option":             {signed + first.Cosign(t, p.Note, 1000), policy("first"), []string{vkey}, nil, 1},
		"no log":                      {signed + first.Cosign(t, p.Note, 1000), policy("first"), nil, recordproof.ErrNoKey, 0},
		"another log in the policy":   {signed + first.Cosign(t, p.Note, 1000), policy("first", r.Keys[tlog.Checkpoints].VKeys()[0]), nil, recordproof.ErrNote, 0},
		"the option goes before it":   {signed + first.Cosign(t, p.Note, 1000), policy("first", vkey), r.Keys[tlog.Checkpoints].VKeys(), recordproof.ErrNote, 0},
		"cosigned but not by the log": {strings.SplitAfter(signed, "\n\n")[0] + first.Cosign(t, p.Note, 1000), policy("first", vkey), nil, recordproof.ErrNote, 0},
	} {
		p.Note = []byte(test.note)
		o := recordproof.Options{Policy: test.policy, Logs: verifiers(t, test.logs...)}
		got, err := recordproof.Verify(p.Encode(), digest, o)
		if !errors.Is(err, test.want) || len(got.Cosignatures) != test.count {
			t.Errorf("%s: %v, %d cosignatures", what, err, len(got.Cosignatures))
		}
		said, unsaid := strings.Join(got.Proved(), "\n"), strings.Join(got.NotProved(), "\n")
		if what == "both" && (!strings.Contains(said, "Witness first has cosigned this tree head at 1970-01-01T00:16:40Z") || !strings.Contains(said, "(both)") || strings.Contains(unsaid, "others are shown")) {
			t.Error(said, unsaid)
		}
		if what == "none is needed" && !strings.Contains(unsaid, "others are shown") {
			t.Error(unsaid)
		}
	}
}

// A key that is pinned twice, by whatever way, is one key.
func TestVerifySameKeyTwice(t *testing.T) {
	r := registry(t)
	vkey := r.Keys[tlog.Records].VKeys()[0]
	o := recordproof.Options{Logs: verifiers(t, vkey, vkey, tlogtest.NoteKey(t, "another.example").VKeys()[0])}
	if _, err := recordproof.Verify(makeProof(t, r, 1).Encode(), protocol.HashOf(content), o); err != nil {
		t.Error(err)
	}
}

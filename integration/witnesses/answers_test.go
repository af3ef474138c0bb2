package witnesses_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/tlogtest"
	"github.com/warg-trillian/warg-trillian/integration/witnesses"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// submission is what is pushed to a witness that has cosigned a log of 100 entries, and
// what each witness answers. None of them changes what it has cosigned.
type submission struct {
	what       string
	old        uint64
	proof      []protocol.Hash
	note       []byte
	lite, omni witnesses.Answer
}

// Answers that occur more than once. omniwitness says nothing but the status.
var (
	textPlain = "text/plain; charset=utf-8"
	knows100  = witnesses.Answer{Status: http.StatusConflict, ContentType: "text/x.tlog.size", Body: "100\n"}
	badProof  = witnesses.Answer{Status: http.StatusUnprocessableEntity, ContentType: textPlain, Body: "bad consistency proof\n"}
	badSize   = witnesses.Answer{Status: http.StatusBadRequest, ContentType: textPlain, Body: "invalid input\n"}
	badKey    = witnesses.Answer{Status: http.StatusForbidden, ContentType: textPlain, Body: "invalid signature\n"}
	noSuchLog = witnesses.Answer{Status: http.StatusNotFound, ContentType: textPlain, Body: "unknown log\n"}
	malformed = witnesses.Answer{Status: http.StatusInternalServerError, ContentType: textPlain, Body: "malformed note\n"}
	tooLarge  = witnesses.Answer{Status: http.StatusInternalServerError, ContentType: textPlain, Body: "http: request body too large\n"}
)

func only(status int) witnesses.Answer { return witnesses.Answer{Status: status} }

// submissions are those that a witness must refuse (c2sp.org/tlog-witness), by a log
// and a fork of it behind entry 50.
func submissions(t *testing.T, l *tlogtest.Log) []submission {
	fork := l.Fork(50)
	stranger, unknown := tlogtest.New(t, l.Origin(), 200, false), tlogtest.New(t, "other.example.com/tlog/records", 200, false)
	damaged := bytes.Replace(l.Note(200), []byte("\n200\n"), []byte("\n201\n"), 1)
	padded := func(signatures, length int) []byte {
		line := "— x " + strings.Repeat("A", length) + "\n"
		return append(l.Note(200), strings.Repeat(line, signatures)...)
	}
	good := l.Consistency(100, 200)
	invalid, refusedSize, failed := only(http.StatusUnprocessableEntity), only(http.StatusBadRequest), only(http.StatusInternalServerError)
	return []submission{
		{"a fork of equal size", 100, nil, fork.Note(100), badProof, invalid},
		{"a fork of equal size, as if there was nothing", 0, nil, fork.Note(100), knows100, knows100},
		{"a longer fork", 100, fork.Consistency(100, 200), fork.Note(200), badProof, invalid},
		{"a longer fork, from where it is none", 50, fork.Consistency(50, 200), fork.Note(200), knows100, knows100},
		{"a rewound log", 90, nil, l.Note(90), knows100, knows100},
		{"a rewound log with a larger old size", 100, nil, l.Note(90), badSize, refusedSize},
		{"the same size with a smaller old size", 0, nil, l.Note(100), knows100, knows100},
		{"the same size with a proof", 100, l.Consistency(50, 100), l.Note(100), badProof, invalid},
		{"a smaller old size", 50, l.Consistency(50, 200), l.Note(200), knows100, knows100},
		{"a larger old size", 150, l.Consistency(150, 200), l.Note(200), knows100, knows100},
		{"no proof", 100, nil, l.Note(200), badProof, invalid},
		{"a proof that is cut", 100, good[1:], l.Note(200), badProof, invalid},

		// Where the specification says 403 and 404, omniwitness answers 500.
		{"another key", 100, good, stranger.Note(200), badKey, failed},
		{"a signature that does not fit", 100, good, damaged, badKey, failed},
		{"an unknown log", 0, nil, unknown.Note(200), noSuchLog, failed},
		{"a note that is none", 100, good, []byte(l.Origin() + "\n"), malformed, failed},

		// Notes have at most 100 signatures; requests of more than 10 and 16 KiB are not read.
		{"110 signatures", 100, good, padded(110, 12), malformed, failed},
		{"17 KiB", 100, good, padded(90, 180), tooLarge, only(http.StatusBadRequest)},
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	l := tlogtest.New(t, "registry.example.com/tlog/records", 200, true)
	for kind, w := range start(t, logOf(l)) {
		accepted(t, w, l, 0, 100)
		for _, s := range submissions(t, l) {
			want := s.omni
			if kind == lite {
				want = s.lite
			}
			if got := push(t, w, s.old, s.proof, s.note); got != want {
				t.Errorf("%s answers %s by %+v, want %+v", kind, s.what, got, want)
			}
		}
		if size, err := w.Size(l.Origin()); err != nil || size != 100 {
			t.Errorf("%s has seen size %d: %v", kind, size, err)
		}
		accepted(t, w, l, 100, 100)
		accepted(t, w, l, 100, 200)
	}
}

// What the specification demands of a witness's first checkpoint, and what each of them
// does about it: litewitness does not look at the proof, nor at the root of an empty
// log; omniwitness not at the old size.
func TestFirstAnswers(t *testing.T) {
	t.Parallel()
	newLog := func(n int) *tlogtest.Log {
		return tlogtest.New(t, fmt.Sprintf("registry.example.com/%d", n), 100, false)
	}
	logs := []*tlogtest.Log{newLog(0), newLog(1), newLog(2), newLog(3)}
	otherRoot := logs[3].Head(0)
	otherRoot.Root[0]++
	tests := []struct {
		what       string
		old        uint64
		proof      []protocol.Hash
		note       []byte
		lite, omni int
	}{
		{"an empty log", 0, nil, logs[0].Note(0), http.StatusOK, http.StatusOK},
		{"an old size", 5, logs[1].Consistency(5, 100), logs[1].Note(100), http.StatusConflict, http.StatusOK},
		{"a proof", 0, logs[2].Consistency(5, 100), logs[2].Note(100), http.StatusOK, http.StatusOK},
		{"an empty log with a root of another", 0, nil, logs[3].Sign(otherRoot), http.StatusOK, http.StatusUnprocessableEntity},
	}
	for kind, w := range start(t, logOf(logs[0]), logOf(logs[1]), logOf(logs[2]), logOf(logs[3])) {
		for _, test := range tests {
			want := test.omni
			if kind == lite {
				want = test.lite
			}
			if got := push(t, w, test.old, test.proof, test.note); got.Status != want {
				t.Errorf("%s answers %s by %+v, want %d", kind, test.what, got, want)
			}
		}
	}
}

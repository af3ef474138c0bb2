package witness_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// double is a witness by the letter of tlog-witness, unless it is told to misbehave.
type double struct {
	t    testing.TB
	keys []*witnesstest.Key
	vkey map[string]string // of the logs that it knows, by origin

	forkStatus int // what it answers to another root at an equal size; specifications differ

	mu        sync.Mutex
	heads     map[string]tlog.TreeHead                                       // guarded by mu; what it last cosigned
	misbehave func(w http.ResponseWriter, r *http.Request, body string) bool // guarded by mu; true if it has answered
	asked     []string                                                       // guarded by mu; origin, old and new size of each request
}

func newDouble(t testing.TB, logs []*fakeLog, keys ...*witnesstest.Key) *double {
	d := &double{forkStatus: http.StatusConflict, t: t, keys: keys, vkey: map[string]string{}, heads: map[string]tlog.TreeHead{}}
	for _, l := range logs {
		d.vkey[l.log.Origin] = l.log.VKeys()[0]
	}
	return d
}

// does sets how it misbehaves from now on; nil for not at all.
func (d *double) does(misbehave func(w http.ResponseWriter, r *http.Request, body string) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.misbehave = misbehave
}

// answers makes it answer all with a status and a body.
func (d *double) answers(status int, contentType, body string) {
	d.does(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	})
}

// has sets what it has cosigned of a log.
func (d *double) has(head tlog.TreeHead) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heads[head.Origin] = head
}

// requests are those since the last call.
func (d *double) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() { d.asked = nil }()
	return d.asked
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	top, signed, _ := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(top), "\n")
	origin, rest, _ := strings.Cut(string(signed), "\n")
	size, _, _ := strings.Cut(rest, "\n")
	d.mu.Lock()
	d.asked = append(d.asked, fmt.Sprintf("%s %s>%s", origin[strings.LastIndex(origin, "/")+1:], strings.TrimPrefix(lines[0], "old "), size))
	misbehave := d.misbehave
	d.mu.Unlock()
	if misbehave != nil && misbehave(w, r, string(signed)) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serve(w, r, lines, origin, signed)
}

// serve does what tlog-witness says. The caller holds mu.
func (d *double) serve(w http.ResponseWriter, r *http.Request, lines []string, origin string, signed []byte) {
	vkey, known := d.vkey[origin]
	if !known || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/add-checkpoint") {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	v, err := tlog.NewVerifier(vkey)
	if err != nil {
		d.t.Error(err)
		return
	}
	head, err := tlog.Open(signed, origin, v)
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	var old uint64
	if _, err := fmt.Sscanf(lines[0], "old %d", &old); err != nil || old > head.Size || len(lines) > 64 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	last := d.heads[origin]
	if last.Size != old {
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, "%d\n", last.Size)
		return
	}
	if old == head.Size && last.Root != head.Root {
		w.WriteHeader(d.forkStatus)
		return
	}
	var hashes [][]byte
	for _, line := range lines[1:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		hashes = append(hashes, hash)
	}
	if old == 0 && len(hashes) > 0 || old > 0 && proof.VerifyConsistency(rfc6962.DefaultHasher, old, head.Size, hashes, last.Root[:], head.Root[:]) != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	d.heads[origin] = head
	for _, key := range d.keys {
		_, _ = io.WriteString(w, key.Cosign(d.t, signed, uint64(time.Now().Unix())))
	}
}

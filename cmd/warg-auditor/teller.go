package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// teller tells each finding once: it writes the evidence, tells people or programs,
// and gives an alert. What was found stays found until it is well again (see
// [teller.endRound]), also in later processes. It is for one goroutine at a time.
type teller struct {
	out         *output
	evidenceDir string
	before      func()                 // is called before something is told; nil: nothing is
	alert       func([]byte) error     // gets a JSON line; nil: nobody is alerted
	store       audit.Store            // remembers findings over processes; nil: nothing does
	onNew       func(audit.Name)       // is called after something new is told; nil: it is not
	open        map[string]toldFinding // by key: what was found, also before, and is not well again
	seen        map[string]bool        // keys of what was found in this round
	new         map[audit.Name]int     // findings that this process told
	left        int                    // findings that were left out, for there were too many
	evidence    int                    // bytes of evidence that were written
	err         error
}

// What a hostile registry may have told and written. Lies of one name do not keep those of
// another from being told.
const (
	maxOpen     = 100     // findings of a name that are not well again
	maxTold     = 1000    // findings of a name that one process tells
	maxEvidence = 1 << 30 // bytes that one process writes
)

// key is the same for the same lie, whenever it is found.
func key(f audit.Finding) string {
	index := ""
	if f.Index != nil {
		index = strconv.FormatUint(*f.Index, 10)
	}
	claimed, computed := f.Claimed, f.Computed
	switch f.Name {
	case audit.CheckpointStale, audit.CheckpointFuture, audit.CheckpointNotLogged, audit.NoteStale:
		computed = "" // it has the time at which it was found, or what was signed until then
	case audit.CosignatureFuture:
		claimed, computed = "", ""
	}
	text, err := json.Marshal([]string{string(f.Name), f.Log, index, string(f.Rule), claimed, computed})
	if err != nil {
		panic(err) // strings have a form in JSON
	}
	return protocol.HashOf(text).String()
}

// tell tells a finding unless it was told before.
func (t *teller) tell(ctx context.Context, f audit.Finding) {
	key := key(f)
	if t.seen == nil {
		t.seen = map[string]bool{}
	}
	if _, told := t.open[key]; told || t.openOf(f.Name) >= maxOpen || t.new[f.Name] >= maxTold {
		if !told && !t.seen[key] {
			t.left++
		}
		t.seen[key] = true
		return
	}
	t.seen[key] = true
	if t.new == nil {
		t.new = map[audit.Name]int{}
	}
	t.new[f.Name]++
	file, err := t.writeEvidence(f, key)
	t.fail(err)
	told := toldFinding{Finding: f, EvidenceFile: file}
	t.say(told)
	if t.alert != nil {
		t.fail(t.alert(jsonLine("finding", told)))
	}
	if t.onNew != nil {
		t.onNew(f.Name)
	}
	t.fail(t.remember(ctx, key, told))
}

// openOf counts the findings of a name that are not well again.
func (t *teller) openOf(name audit.Name) (n int) {
	for _, f := range t.open {
		if f.Name == name {
			n++
		}
	}
	return n
}

// say says a finding to people or programs.
func (t *teller) say(f toldFinding) {
	if t.before != nil {
		t.before()
	}
	t.out.say("finding", f, f.lines()...)
}

// tellAll tells the findings of a report, and counts those that it leaves out.
func (t *teller) tellAll(ctx context.Context, r *audit.Report) {
	if r == nil {
		return
	}
	for _, f := range r.Findings {
		t.tell(ctx, f)
	}
	for _, n := range r.Suppressed {
		t.left += n
	}
}

// writeEvidence writes the evidence into a file, whose name it returns; "" without any.
func (t *teller) writeEvidence(f audit.Finding, key string) (string, error) {
	if f.Evidence == nil || t.evidenceDir == "" || t.evidence+len(f.Evidence) > maxEvidence {
		return "", nil
	}
	t.evidence += len(f.Evidence)
	if err := os.MkdirAll(t.evidenceDir, 0o755); err != nil {
		return "", fmt.Errorf("--evidence-dir: %w", err)
	}
	file := filepath.Join(t.evidenceDir, fmt.Sprintf("%s-%s.json", f.Name, key[len("sha256:"):][:12]))
	if err := writeFile(file, f.Evidence); err != nil {
		return "", fmt.Errorf("write the evidence: %w", err)
	}
	return file, nil
}

func (t *teller) fail(err error) { t.err = errors.Join(t.err, err) }

// count is how many findings there are that are not well again, those of earlier
// processes included, and suppressed how many more.
func (t *teller) count() int      { return len(t.open) }
func (t *teller) suppressed() int { return t.left }

// failed is what went wrong while telling, since it was asked last.
func (t *teller) failed() error {
	err := t.err
	t.err = nil
	return err
}

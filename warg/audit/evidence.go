package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// evidenceFormat names the form of an evidence document.
const evidenceFormat = "warg-audit-evidence/2"

// MaxEvidence is the length in bytes of the longest evidence.
const MaxEvidence = 64 << 20

// facts are what contradicts: what a registry stated, and what it takes to see that it
// can not be so. They travel as JSON. Both the auditor and [Check] come to a finding by
// judge, and in no other way.
type facts interface {
	// judge returns the finding that follows from the facts, without its evidence, or
	// an error if nothing follows. It believes nothing that is in them.
	judge() (Finding, error)
}

// newFacts makes empty facts of each kind, by the name in the document.
var newFacts = map[string]func() facts{
	"tile":        func() facts { return new(tileFacts) },
	"withheld":    func() facts { return new(withheldFacts) },
	"edge":        func() facts { return new(edgeFacts) },
	"envelope":    func() facts { return new(envelopeFacts) },
	"fork":        func() facts { return new(forkFacts) },
	"rewind":      func() facts { return new(rewindFacts) },
	"ledger":      func() facts { return new(ledgerFacts) },
	"record":      func() facts { return new(recordFacts) },
	"operator":    func() facts { return new(operatorKeyFacts) },
	"namespace":   func() facts { return new(namespaceFacts) },
	"map":         func() facts { return new(mapFacts) },
	"signature":   func() facts { return new(signatureFacts) },
	"time":        func() facts { return new(timeFacts) },
	"unlogged":    func() facts { return new(unloggedFacts) },
	"unserved":    func() facts { return new(unservedFacts) },
	"order":       func() facts { return new(orderFacts) },
	"logs":        func() facts { return new(logsFacts) },
	"names":       func() facts { return new(namesFacts) },
	"inclusion":   func() facts { return new(inclusionFacts) },
	"consistency": func() facts { return new(consistencyFacts) },
	"content":     func() facts { return new(contentFacts) },
	"note":        func() facts { return new(noteFacts) },
	"cosignature": func() facts { return new(cosignatureFacts) },
	"stale":       func() facts { return new(staleFacts) },
	"oldnote":     func() facts { return new(oldNoteFacts) },
	"statements":  func() facts { return new(statementsFacts) },
}

// kindOf is the name of the kind of facts.
func kindOf(f facts) string {
	for kind, empty := range newFacts {
		if reflect.TypeOf(empty()) == reflect.TypeOf(f) {
			return kind
		}
	}
	return ""
}

// document is an evidence file. The digest is its last member: the SHA-256 of all bytes
// before the comma in front of it.
type document struct {
	Format   string          `json:"format"`
	Registry string          `json:"registry"` // where it was seen
	Seen     time.Time       `json:"seen"`
	Finding  Finding         `json:"finding"`
	Kind     string          `json:"kind"` // of facts
	Facts    json.RawMessage `json:"facts"`
	Digest   string          `json:"digest,omitempty"`
}

const digestMember = `,"digest":"sha256:`

// bulky are facts that may be larger than evidence may be.
type bulky interface {
	bulk() int // bytes, at least
}

// writeEvidence makes the evidence of a finding; nil if it is too long.
func writeEvidence(registry string, seen time.Time, kind string, f facts, finding Finding) ([]byte, error) {
	if b, ok := f.(bulky); ok && b.bulk() > MaxEvidence/4*3 { // as base64 it is a third longer
		return nil, nil
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(document{
		Format: evidenceFormat, Registry: registry, Seen: seen.UTC().Truncate(time.Second), Finding: finding, Kind: kind, Facts: raw,
	})
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSuffix(text, []byte("}"))
	digest := sha256.Sum256(text)
	text = append(text, digestMember+hex.EncodeToString(digest[:])+"\"}\n"...)
	if len(text) > MaxEvidence {
		return nil, nil
	}
	return text, nil
}

// Check verifies the evidence of a finding alone, and returns the finding as it follows
// from it. An error says that the document was changed, or that it proves nothing.
func Check(evidence []byte) (Finding, error) {
	d, err := readEvidence(evidence)
	if err != nil {
		return Finding{}, err
	}
	newKind, ok := newFacts[d.Kind]
	if !ok {
		return Finding{}, fmt.Errorf("the evidence has facts of an unknown kind %q; a newer program may know it", d.Kind)
	}
	f := newKind()
	if err := json.Unmarshal(d.Facts, f); err != nil {
		return Finding{}, fmt.Errorf("the facts in the evidence can not be read: %w", err)
	}
	finding, err := judged(f, d.Finding.Name)
	if err != nil {
		return Finding{}, fmt.Errorf("the evidence does not prove %s: %w", d.Finding.Name, err)
	}
	want, err := json.Marshal(finding)
	if err != nil {
		return Finding{}, err
	}
	if got, err := json.Marshal(d.Finding); err != nil || !bytes.Equal(got, want) {
		return Finding{}, fmt.Errorf("the evidence says something else than what follows from it, which is: %s", finding)
	}
	finding.Evidence = evidence
	return finding, nil
}

// judged judges facts of which one name is expected.
func judged(f facts, name Name) (Finding, error) {
	if many, ok := f.(interface{ judgeAs(Name) (Finding, error) }); ok {
		finding, err := many.judgeAs(name)
		return finding.settled(), err
	}
	finding, err := f.judge()
	finding = finding.settled()
	if err == nil && finding.Name != name {
		return finding, fmt.Errorf("what follows is %s", finding.Name)
	}
	return finding, err
}

func readEvidence(text []byte) (d document, err error) {
	if len(text) > MaxEvidence {
		return d, fmt.Errorf("the evidence is longer than %d bytes", MaxEvidence)
	}
	at := bytes.LastIndex(text, []byte(digestMember))
	if at < 0 {
		return d, errors.New("this is no evidence: it has no digest at its end")
	}
	digest := sha256.Sum256(text[:at])
	if string(text[at:]) != digestMember+hex.EncodeToString(digest[:])+"\"}\n" {
		return d, errors.New("the evidence was changed: it does not have the digest at its end")
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("the evidence can not be read: %w", err)
	}
	if d.Format != evidenceFormat {
		return d, fmt.Errorf("the evidence has the format %q, this program knows %q", d.Format, evidenceFormat)
	}
	return d, nil
}

// lie is facts on their way up as an error: what was being done can not go on.
type lie struct{ facts facts }

func (l *lie) Error() string {
	f, err := l.facts.judge()
	if err != nil {
		return "something does not fit: " + err.Error()
	}
	return f.String()
}

// notContradicting is the error of a judge that sees nothing wrong.
func notContradicting(format string, args ...any) error {
	return fmt.Errorf("there is no contradiction: "+format, args...)
}

func index(n uint64) *uint64 { return &n }

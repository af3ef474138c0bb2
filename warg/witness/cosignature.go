package witness

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// MaxAnswer is the length in bytes of the longest answer of a witness that is read:
// room for a dozen ML-DSA signatures, and for hundreds of Ed25519.
const MaxAnswer = 64 << 10

// maxTime is the last second of the year 9999, in seconds since 1970. A later one is
// a witness's mistake, and does not compare as a [time.Time].
const maxTime = 253402300799

// Cosignature is a verified cosignature of a checkpoint.
type Cosignature struct {
	Witness string        // the name that the policy has for who made it
	Key     protocol.Hash // of that witness: see [Witness]
	Time    time.Time     // when the witness says to have made it, in whole seconds

	body string // what it is for: the text of the note
	sig  note.Signature
}

// Line returns the cosignature as a line of a note, with its newline.
func (c Cosignature) Line() string { return line(c.sig) }

// Refusal says why a signature by the key of a known witness does not count.
type Refusal struct {
	Witness string // the name that the policy has for it
	Err     error
}

func (r Refusal) Error() string { return fmt.Sprintf("witness %q: %v", r.Witness, r.Err) }
func (r Refusal) Unwrap() error { return r.Err }

// Cosigned is what the signatures on a checkpoint come to by a policy.
type Cosigned struct {
	Head tlog.TreeHead
	// Cosignatures are those that count, in the order of the policy, one at most of
	// each witness: the latest.
	Cosignatures []Cosignature
	// Refused are signatures by keys of the policy that do not count: wrong ones,
	// and those with a time that none can have. They are no error of the note, for
	// somebody else may have put them there, and whose name they bear may have
	// cosigned as well.
	Refused []Refusal
}

// Times are the oldest and the newest time of the cosignatures that count; false if
// there are none.
func (c Cosigned) Times() (oldest, newest time.Time, ok bool) {
	if len(c.Cosignatures) == 0 {
		return oldest, newest, false
	}
	byTime := func(a, b Cosignature) int { return a.Time.Compare(b.Time) }
	return slices.MinFunc(c.Cosignatures, byTime).Time, slices.MaxFunc(c.Cosignatures, byTime).Time, true
}

// ErrNoQuorum says that too few witnesses have cosigned a checkpoint.
var ErrNoQuorum = errors.New("the checkpoint is short of its quorum")

// Cosignatures verifies the cosignatures on a note, of at most [tlog.MaxNote] bytes and
// 100 signatures. Signatures by unknown keys are ignored, the log's own among them: see
// [Policy.CheckLog]. An error means that this is no note of a checkpoint.
func (p *Policy) Cosignatures(signed []byte) (Cosigned, error) {
	n, head, err := open(signed)
	if err != nil {
		return Cosigned{}, err
	}
	return p.verify(n, head), nil
}

// Answer verifies what a witness has answered: signature lines, of at most [MaxAnswer]
// bytes, for the checkpoint that it was sent. Unknown keys are ignored. An error means
// that the answer is no signature lines, or the checkpoint none. Source: tlog-witness,
// "add-checkpoint".
func (p *Policy) Answer(signed, answer []byte) (Cosigned, error) {
	sent, head, err := open(signed)
	if err != nil {
		return Cosigned{}, err
	}
	if len(answer) > MaxAnswer {
		return Cosigned{}, fmt.Errorf("the answer has %d bytes; %d are allowed", len(answer), MaxAnswer)
	}
	n, err := parseNote([]byte(sent.Text + "\n" + string(answer)))
	if err != nil || n.Text != sent.Text {
		return Cosigned{}, errors.New("the answer is not made of signature lines")
	}
	return p.verify(n, head), nil
}

// Check demands a quorum of cosignatures on a note. Too few are [ErrNoQuorum], and
// what was verified is returned with it. The log's own signature is not looked at: see
// [Policy.CheckLog].
func (p *Policy) Check(signed []byte) (Cosigned, error) {
	c, err := p.Cosignatures(signed)
	if err != nil || p.Satisfied(c.Cosignatures) {
		return c, err
	}
	var names []string
	for _, by := range c.Cosignatures {
		names = append(names, by.Witness)
	}
	all := []error{fmt.Errorf("%w %q: %d of %d witnesses have cosigned %q at size %d: %q",
		ErrNoQuorum, p.Quorum(), len(names), len(p.witnesses), c.Head.Origin, c.Head.Size, names)}
	for _, r := range c.Refused {
		all = append(all, r)
	}
	return c, errors.Join(all...)
}

// verify looks for each witness's signatures among those of a note.
func (p *Policy) verify(n *note.Note, head tlog.TreeHead) Cosigned {
	c := Cosigned{Head: head}
	for _, w := range p.witnesses {
		var latest *Cosignature
		for _, sig := range n.UnverifiedSigs {
			if sig.Name != w.verifier.Name() || sig.Hash != w.verifier.KeyHash() {
				continue
			}
			cosignature, err := w.verify(n.Text, sig)
			if err != nil {
				c.Refused = append(c.Refused, Refusal{w.Name, err})
				continue
			}
			if latest == nil || cosignature.Time.After(latest.Time) {
				latest = &cosignature
			}
		}
		if latest != nil {
			c.Cosignatures = append(c.Cosignatures, *latest)
		}
	}
	return c
}

// verify verifies a signature that names the witness's key.
func (w *Witness) verify(body string, sig note.Signature) (Cosignature, error) {
	raw, err := base64.StdEncoding.DecodeString(sig.Base64)
	if err != nil || len(raw) < 4 || !w.verifier.Verify([]byte(body), raw[4:]) {
		return Cosignature{}, errors.New("its signature is wrong: it is by another key, or for another checkpoint")
	}
	seconds := binary.BigEndian.Uint64(raw[4:]) // a verified one has a time
	switch {
	case seconds == 0:
		// One without a time does not say that this was the largest tree that the
		// witness had seen (tlog-cosignature); witnesses must not answer with it.
		return Cosignature{}, errors.New("its cosignature has the time zero, so it does not say when")
	case seconds > maxTime:
		return Cosignature{}, fmt.Errorf("its cosignature has a time after the year 9999: %d s", seconds)
	}
	return Cosignature{
		Witness: w.Name, Key: w.Key, Time: time.Unix(int64(seconds), 0).UTC(), body: body,
		sig: note.Signature{Name: sig.Name, Hash: sig.Hash, Base64: base64.StdEncoding.EncodeToString(raw)},
	}, nil
}

// open reads the note of a checkpoint and verifies no signature: all are among its
// UnverifiedSigs.
func open(signed []byte) (*note.Note, tlog.TreeHead, error) {
	if len(signed) > tlog.MaxNote {
		return nil, tlog.TreeHead{}, fmt.Errorf("the note has %d bytes; %d are allowed", len(signed), tlog.MaxNote)
	}
	n, err := parseNote(signed)
	if err != nil {
		return nil, tlog.TreeHead{}, err
	}
	head, err := tlog.ParseTreeHead([]byte(n.Text))
	if err != nil {
		return nil, tlog.TreeHead{}, err
	}
	if len(head.Origin) > maxKeyName {
		return nil, tlog.TreeHead{}, fmt.Errorf("the origin has %d bytes; %d are allowed", len(head.Origin), maxKeyName)
	}
	return n, head, nil
}

// parseNote reads a note without knowing any key.
func parseNote(signed []byte) (*note.Note, error) {
	_, err := note.Open(signed, note.VerifierList())
	if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return unverified.Note, nil
	}
	return nil, errors.New("it is not a signed note: a text, an empty line, and at most 100 signature lines")
}

// line is a signature as a line of a note, with its newline.
func line(sig note.Signature) string {
	return strings.Join([]string{"—", sig.Name, sig.Base64 + "\n"}, " ")
}

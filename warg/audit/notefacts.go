package audit

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	formats "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// noteFacts: a note is not one of the log.
type noteFacts struct {
	Log   tlog.Log `json:"log"`
	Note  []byte   `json:"note"`
	VKeys []string `json:"vkeys"` // of the log, as they are expected
}

// checkNote returns the keys that signed a note, or why it is not one of the log.
func checkNote(log tlog.Log, signed []byte, vkeys []string) (by []string, err error) {
	if len(signed) > tlog.MaxNote {
		return nil, fmt.Errorf("it has more than %d bytes", tlog.MaxNote)
	}
	head, err := tlog.ParseTreeHead(noteBody(signed))
	if err != nil {
		return nil, err
	}
	if is, err := logOfOrigin(head.Origin); err != nil || is != log {
		return nil, fmt.Errorf("it is of the origin %q, and not of the %s log", head.Origin, log)
	}
	var failures []error
	for _, vkey := range vkeys {
		v, err := tlog.NewVerifier(vkey)
		if err != nil {
			return nil, err
		}
		_, err = tlog.Open(signed, v.Name(), v)
		var unsigned *note.UnverifiedNoteError
		switch {
		case err == nil:
			by = append(by, vkey)
		case errors.As(err, &unsigned):
			failures = append(failures, err) // not by this key; by another one perhaps
		default:
			return nil, err
		}
	}
	if len(vkeys) > 0 && len(by) == 0 {
		return nil, errors.Join(failures...)
	}
	return by, nil
}

func (f *noteFacts) judge() (Finding, error) {
	for _, vkey := range f.VKeys {
		if _, err := tlog.NewVerifier(vkey); err != nil {
			return Finding{}, err
		}
	}
	_, err := checkNote(f.Log, f.Note, f.VKeys)
	if err == nil {
		return Finding{}, notContradicting("the note is one of the log")
	}
	return Finding{
		Name: NoteSignature, Log: string(f.Log), Claimed: fmt.Sprintf("%.300q", noteBody(f.Note)), Computed: err.Error(),
		Explanation: fmt.Sprintf("what is served as note of the %s log is not signed by its key", f.Log),
	}, nil
}

// cosignatureFacts: the cosignatures on a note are not as they must be.
type cosignatureFacts struct {
	Note   []byte `json:"note"`
	Policy []byte `json:"policy"`
	// Others are notes of other logs that were served, which a cosignature may be of.
	Others [][]byte `json:"others,omitempty"`
	Now    int64    `json:"now"`   // the auditor's clock, in seconds since 1970
	Limit  int64    `json:"limit"` // seconds ahead of it that are allowed
}

func (f *cosignatureFacts) judge() (Finding, error) {
	all, err := f.judgeAll()
	if err != nil {
		return Finding{}, err
	}
	if len(all) == 0 {
		return Finding{}, notContradicting("the cosignatures are as they must be")
	}
	return all[0], nil
}

// judgeAs is judge for one of the findings.
func (f *cosignatureFacts) judgeAs(name Name) (Finding, error) {
	all, err := f.judgeAll()
	if err != nil {
		return Finding{}, err
	}
	for _, finding := range all {
		if finding.Name == name {
			return finding, nil
		}
	}
	return Finding{}, notContradicting("%s does not follow", name)
}

// signatureLine is a line of a note.
type signatureLine struct {
	name string
	hash uint32
	sig  []byte // without the hash
}

func signatureLines(signed []byte) (lines []signatureLine) {
	_, rest, _ := strings.Cut(string(signed), "\n\n")
	for line := range strings.Lines(rest) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(fields) != 3 || len(lines) == 200 {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(fields[2])
		if err != nil || len(raw) < 5 {
			continue
		}
		lines = append(lines, signatureLine{fields[1], binary.BigEndian.Uint32(raw), raw[4:]})
	}
	return lines
}

// cosigner is a witness of a policy with what verifies its cosignatures.
type cosigner struct {
	witness.Witness
	v note.Verifier
}

func cosigners(p *witness.Policy) (all []cosigner, err error) {
	for _, w := range p.Witnesses() {
		var v note.Verifier
		if v, err = formats.NewVerifierForCosignatureV1(w.VKey); err != nil {
			if v, err = formats.NewMLDSAVerifier(w.VKey); err != nil {
				return nil, err
			}
		}
		all = append(all, cosigner{w, v})
	}
	return all, nil
}

func (f *cosignatureFacts) judgeAll() (found []Finding, err error) {
	policy, err := witness.ParsePolicy(f.Policy)
	if err != nil {
		return nil, err
	}
	cosigned, err := policy.Cosignatures(f.Note)
	if err != nil {
		return nil, err
	}
	log, err := logOfOrigin(cosigned.Head.Origin)
	if err != nil {
		return nil, err
	}
	known, err := cosigners(policy)
	if err != nil {
		return nil, err
	}
	add := func(name Name, claimed, computed, explanation string) {
		found = append(found, Finding{
			Name: name, Log: string(log), Index: &cosigned.Head.Size, Claimed: claimed, Computed: computed,
			Explanation: fmt.Sprintf("the note of the %s log with %d leaves %s", log, cosigned.Head.Size, explanation),
		})
	}
	var strangers []string
	for _, line := range signatureLines(f.Note) {
		if line.name == cosigned.Head.Origin {
			continue
		}
		name, computed, stranger := f.judgeLine(line, known)
		if stranger {
			strangers = append(strangers, fmt.Sprintf("%q+%08x", line.name, line.hash))
		}
		if name != "" {
			add(name, fmt.Sprintf("cosigned by %q+%08x", line.name, line.hash), computed, "has a cosignature that can not be: "+computed)
		}
	}
	if !policy.Satisfied(cosigned.Cosignatures) {
		add(CosignatureQuorum, "cosigned by the quorum, "+policy.Quorum(), fmt.Sprintf("%d cosignatures of the policy", len(cosigned.Cosignatures)), "is short of its quorum")
		if len(strangers) > 0 {
			add(CosignatureStranger, "cosigned by "+strings.Join(strangers, ", "), "none of these keys is in the policy", "has cosignatures by strangers where the quorum is missing")
		}
	}
	return found, nil
}

// judgeLine says what is wrong with a signature line that is not the log's; stranger
// tells that its key is not in the policy.
func (f *cosignatureFacts) judgeLine(line signatureLine, known []cosigner) (name Name, computed string, stranger bool) {
	sameName := false
	for _, w := range known {
		if w.v.Name() != line.name {
			continue
		}
		if sameName = true; w.v.KeyHash() != line.hash {
			continue
		}
		if len(line.sig) < 8 {
			return CosignatureWrong, "it is cut off", false
		}
		body := noteBody(f.Note)
		if !w.v.Verify(body, line.sig) {
			if f.ofOther(w.v, line, body) {
				return CosignatureOrigin, "it is that of another log", false
			}
			return CosignatureWrong, "it does not hold", false
		}
		seconds := binary.BigEndian.Uint64(line.sig)
		switch {
		case seconds == 0:
			return CosignatureTimeZero, "its time is zero", false
		case seconds > uint64(f.Now+f.Limit):
			return CosignatureFuture, fmt.Sprintf("its time is %d, and it was %d", seconds, f.Now), false
		}
		return "", "", false
	}
	if sameName {
		return CosignatureStranger, "it has the name of a witness and another key", false
	}
	return "", "", true
}

// ofOther tells that a signature is of another log: of a note of one that was served,
// or of this tree under another origin.
func (f *cosignatureFacts) ofOther(v note.Verifier, line signatureLine, body []byte) bool {
	own, rest, _ := strings.Cut(string(body), "\n")
	for _, other := range f.Others {
		text := noteBody(other)
		origin, _, _ := strings.Cut(string(text), "\n")
		if origin != own && (v.Verify(text, line.sig) || v.Verify([]byte(origin+"\n"+rest), line.sig)) {
			return true
		}
	}
	return false
}

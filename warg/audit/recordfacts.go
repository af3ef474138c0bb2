package audit

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// operatorName is how findings name the operator log.
const operatorName = "operator"

// LeafMalformed is the rule that an entry of the records log breaks which is no leaf of
// the protocol, or an envelope that holds no record.
const LeafMalformed protocol.Rule = "Malformed"

// provenRecord is a record that is proved to be in the records log.
type provenRecord struct {
	Index    uint64          `json:"index"`
	Name     string          `json:"name,omitempty"` // of the package; "" for the operator log
	Envelope []byte          `json:"envelope"`       // protobuf
	Path     []protocol.Hash `json:"path"`
}

// verify demands that the record is in the log.
func (r provenRecord) verify(head treeClaim) (leaf protocol.LogLeaf, envelope protocol.Envelope, err error) {
	if head.Log != tlog.Records {
		return leaf, envelope, errors.New("the tree head is not one of the records log")
	}
	if envelope, err = protocol.UnmarshalEnvelopeProto(r.Envelope); err != nil {
		return leaf, envelope, err
	}
	if r.Name == "" {
		leaf = protocol.LogLeaf{LogID: protocol.OperatorLogID(), RecordID: protocol.OperatorRecordID(envelope.Content)}
	} else {
		name, err := protocol.ParsePackageName(r.Name)
		if err != nil {
			return leaf, envelope, err
		}
		leaf = protocol.LogLeaf{LogID: name.LogID(), RecordID: protocol.PackageRecordID(envelope.Content)}
	}
	return leaf, envelope, verifyNode(0, r.Index, leaf.Hash(), r.Path, head.Size, head.Root)
}

// verdict is what the rules of a log say of a record.
type verdict struct {
	rule     protocol.Rule // that is broken; "" if none
	reason   string
	stranger bool // an operator record by a key that the log did not have
	// firstStranger tells that the first record of the operator log is one, so that it
	// hangs on its key id who holds permissions.
	firstStranger bool
}

func (v verdict) fine() bool { return v.rule == "" && !v.stranger }

func broken(err error) verdict {
	var invalid *protocol.ValidationError
	if errors.As(err, &invalid) {
		return verdict{rule: invalid.Rule, reason: err.Error()}
	}
	return verdict{rule: LeafMalformed, reason: err.Error()}
}

// operatorVerdict validates the next record of the operator log and takes it into the
// state if the protocol does. Other than the protocol it minds who signs: a stranger may
// write what grants nothing, by the protocol's rules, but an honest registry does not.
func operatorVerdict(log *protocol.OperatorLog, envelope protocol.Envelope) verdict {
	record, err := protocol.ParseOperatorEnvelope(envelope)
	if err != nil {
		return broken(err)
	}
	_, _, begun := log.Head()
	_, known := log.PublicKey(envelope.KeyID)
	if !begun {
		e := record.Record.Entries
		known = len(e) > 0 && e[0].Type == protocol.EntryInit && e[0].Key.ID() == envelope.KeyID
	}
	if err := log.Validate(record); err != nil {
		v := broken(err)
		v.stranger = begun && !known
		return v
	}
	if !known {
		return verdict{stranger: true, reason: fmt.Sprintf("the key %s was not one of the operator log before this record", envelope.KeyID)}
	}
	return verdict{}
}

// packageVerdict validates the next record of a package log.
func packageVerdict(log *protocol.PackageLog, record *protocol.SignedPackageRecord) verdict {
	if err := log.Validate(record); err != nil {
		return broken(err)
	}
	return verdict{}
}

// recordFacts: a record in the log breaks a rule.
type recordFacts struct {
	Head claim `json:"head"`
	// Records are those of one log in order; the last is the one that is wrong.
	Records []provenRecord `json:"records,omitempty"`
	// Entry is an entry that is no leaf of the protocol, instead of records.
	Entry []byte          `json:"entry,omitempty"`
	Index uint64          `json:"index,omitempty"`
	Path  []protocol.Hash `json:"path,omitempty"`
}

func (f *recordFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	if len(f.Records) == 0 {
		return f.judgeEntry(head)
	}
	last := f.Records[len(f.Records)-1]
	v, err := f.replay(head, new(protocol.OperatorLog))
	if err != nil {
		return Finding{}, err
	}
	if v.fine() {
		return Finding{}, notContradicting("the record is valid")
	}
	finding := Finding{
		Name: InvalidRecord, Log: last.Name, Index: &last.Index, Rule: v.rule, Claimed: "the record is valid, for it is in the log", Computed: v.reason,
		Explanation: fmt.Sprintf("the record at index %d breaks a rule of its log: %s", last.Index, v.reason),
		Rests:       f.rests(head, v), Keys: head.Keys,
	}
	finding.Signed = finding.Rests == ""
	if last.Name == "" {
		finding.Log = operatorName
	}
	if v.stranger {
		finding.Name = OperatorStranger
		finding.Explanation = fmt.Sprintf("the operator record at index %d is signed by a stranger: %s", last.Index, v.reason)
	}
	if finding.Rests == alterable {
		finding.Explanation += "; if other places have another key id or signature beside it, they were altered on the way, and not the record"
	}
	return finding, nil
}

// alterable is what rests on whoever recorded evidence in which it matters who signed a
// record: a leaf commits to the content of a record alone.
const alterable = "the key id and signature beside a record, to which its leaf does not commit: a file server or cache on the way may have altered them"

// rests is what the log does not commit to, and the finding hangs on.
func (f *recordFacts) rests(head treeClaim, v verdict) string {
	switch {
	case !head.Signed:
		return unsignedHead
	case v.stranger || v.firstStranger:
		return alterable
	}
	switch v.rule {
	case protocol.SignatureError, protocol.KeyIDNotRecognized, protocol.UnauthorizedAction:
		return alterable
	case protocol.RecordHashDoesNotMatch, protocol.PreviousHashOnFirstRecord:
		return "that no record of its log before this one was left out"
	}
	return ""
}

// replay validates the records; those before the last must be valid, but for one that
// is by a stranger and valid otherwise.
func (f *recordFacts) replay(head treeClaim, operator *protocol.OperatorLog) (v verdict, err error) {
	var pkg protocol.PackageLog
	firstStranger := false
	for i, r := range f.Records {
		_, envelope, err := r.verify(head)
		if err != nil {
			return v, err
		}
		if r.Name != f.Records[0].Name || i > 0 && r.Index <= f.Records[i-1].Index {
			return v, errors.New("the records are not those of one log in order")
		}
		if r.Name == "" {
			v = operatorVerdict(operator, envelope)
			firstStranger = firstStranger || i == 0 && v.stranger
			v.firstStranger = firstStranger
		} else if record, bad := protocol.ParsePackageEnvelope(envelope); bad != nil {
			v = broken(bad)
		} else {
			v = packageVerdict(&pkg, record)
		}
		if v.rule != "" && i < len(f.Records)-1 {
			return v, fmt.Errorf("an earlier record, at index %d, is invalid", r.Index)
		}
	}
	return v, nil
}

func (f *recordFacts) judgeEntry(head treeClaim) (Finding, error) {
	if head.Log != tlog.Records {
		return Finding{}, notContradicting("the tree head is not one of the records log")
	}
	if err := verifyNode(0, f.Index, leafHash(f.Entry), f.Path, head.Size, head.Root); err != nil {
		return Finding{}, err
	}
	if _, err := protocol.ParseLogLeaf(f.Entry); err == nil {
		return Finding{}, notContradicting("the entry is a leaf")
	}
	return Finding{
		Name: InvalidRecord, Log: head.logName(), Index: &f.Index, Rule: LeafMalformed, Claimed: fmt.Sprintf("%.100q", f.Entry),
		Computed: "the ids of a log and a record", Explanation: fmt.Sprintf("the entry at index %d of the records log is no leaf of the protocol", f.Index),
		Signed: head.Signed, Rests: unsignedHead, Keys: head.Keys,
	}, nil
}

// operatorKeyFacts: the operator log begins with another key than the pinned one.
type operatorKeyFacts struct {
	Head   claim        `json:"head"`
	Record provenRecord `json:"record"`
	Pinned string       `json:"pinned"`
}

func (f *operatorKeyFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	_, envelope, err := f.Record.verify(head)
	if err != nil {
		return Finding{}, err
	}
	pinned, err := protocol.ParsePublicKey(f.Pinned)
	if err != nil {
		return Finding{}, err
	}
	record, err := protocol.ParseOperatorEnvelope(envelope)
	if err != nil || f.Record.Name != "" || record.Record.Prev != "" {
		return Finding{}, notContradicting("this is not the first record of the operator log")
	}
	claimed := "no key"
	if e := record.Record.Entries; len(e) > 0 && e[0].Type == protocol.EntryInit {
		if e[0].Key.Equal(pinned) {
			return Finding{}, notContradicting("the key is the expected one")
		}
		claimed = e[0].Key.String()
	}
	return Finding{
		Name: OperatorKeyDiffers, Log: operatorName, Index: &f.Record.Index, Claimed: claimed, Computed: pinned.String(),
		Explanation: "the operator log begins with another key than the expected one: this is another registry, or somebody stands between",
		Signed:      head.Signed, Rests: unsignedHead, Keys: head.Keys,
	}, nil
}

// namespaceFacts: a package is published in a namespace that was not defined before.
type namespaceFacts struct {
	Head     claim          `json:"head"`
	Package  provenRecord   `json:"package"`
	Operator []provenRecord `json:"operator,omitempty"` // all of that log
	// Checkpoint has the last of them as head of the operator log, which Proof, a map
	// bundle, proves. Without it, that there are no more rests on who recorded this.
	Checkpoint *claim `json:"checkpoint,omitempty"`
	Proof      []byte `json:"proof,omitempty"`
}

func (f *namespaceFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	if _, _, err := f.Package.verify(head); err != nil {
		return Finding{}, err
	}
	name, err := protocol.ParsePackageName(f.Package.Name)
	if err != nil {
		return Finding{}, err
	}
	last, defined, imported, err := f.namespace(head, name.Namespace())
	if err != nil {
		return Finding{}, err
	}
	claims := []treeClaim{head}
	if f.Checkpoint != nil {
		checkpoint, err := f.Checkpoint.read()
		if err != nil {
			return Finding{}, err
		}
		if err := f.proveHead(checkpoint, last); err != nil {
			return Finding{}, err
		}
		claims = append(claims, checkpoint)
	}
	computed := fmt.Sprintf("no operator record before index %d defines %s", f.Package.Index, name.Namespace())
	switch {
	case imported:
		computed = fmt.Sprintf("the namespace %s is that of another registry", name.Namespace())
	case defined:
		return Finding{}, notContradicting("the namespace is defined")
	}
	r, err := related(claims...)
	if err != nil {
		return Finding{}, err
	}
	if !imported && f.Checkpoint == nil {
		r.unsigned("that the operator log had no more records")
	}
	return Finding{
		Name: NamespaceUndefined, Log: f.Package.Name, Index: &f.Package.Index, Claimed: "the package is in the log", Computed: computed,
		Explanation: fmt.Sprintf("the record at index %d is of package %s: %s", f.Package.Index, name, computed),
		Signed:      r.signed, Rests: r.rests, Keys: r.keys,
	}, nil
}

// namespace replays the operator log and says what it had of a namespace before the
// package's record, and what its last record is.
func (f *namespaceFacts) namespace(head treeClaim, namespace string) (last protocol.Hash, defined, imported bool, err error) {
	var log protocol.OperatorLog
	for i, r := range f.Operator {
		leaf, envelope, err := r.verify(head)
		if err != nil {
			return last, false, false, err
		}
		if r.Name != "" || i > 0 && r.Index <= f.Operator[i-1].Index {
			return last, false, false, errors.New("these are not the records of the operator log in order")
		}
		last = leaf.RecordID
		if r.Index > f.Package.Index {
			continue
		}
		if v := operatorVerdict(&log, envelope); v.rule != "" {
			return last, false, false, fmt.Errorf("the operator record at index %d is invalid: %s", r.Index, v.reason)
		}
	}
	n, ok := log.Namespace(namespace)
	return last, ok && !n.Imported, ok && n.Imported, nil
}

func (f *namespaceFacts) proveHead(checkpoint treeClaim, last protocol.Hash) error {
	if checkpoint.MapRoot == nil || checkpoint.Size <= f.Package.Index {
		return errors.New("the checkpoint does not have the package")
	}
	bundle, err := proof.DecodeMapBundle(f.Proof)
	if err != nil {
		return err
	}
	if len(f.Operator) == 0 { // the map proves that there is no such log
		return provesAbsent(bundle, *checkpoint.MapRoot, protocol.OperatorLogID())
	}
	return bundle.Verify(*checkpoint.MapRoot, []proof.MapLeaf{{LogID: protocol.OperatorLogID(), RecordID: last}})
}

// provesAbsent demands that a bundle proves that a log has no head.
func provesAbsent(bundle proof.MapBundle, root, logID protocol.Hash) error {
	if len(bundle.Proofs) != 1 {
		return errors.New("there is not one map proof")
	}
	m := newPartialMap()
	if err := m.add(protocol.MapKey(logID), proof.EmptyMapHash(0), bundle.Proofs[0]); err != nil {
		return err
	}
	if m.root() != root {
		return errors.New("the map proof does not give the map root")
	}
	return nil
}

func emptyMapRoot() protocol.Hash { return proof.EmptyMapHash(proof.MapDepth) }

// addTo takes the proof of a change into a map.
func (c mapChange) addTo(m *partialMap) error {
	bundle, err := proof.DecodeMapBundle(c.Proof)
	if err != nil {
		return err
	}
	if len(bundle.Proofs) != 1 {
		return errors.New("there is not one map proof of each log")
	}
	leaf := proof.EmptyMapHash(0)
	if c.Head != nil {
		leaf = protocol.MapLeafHash(*c.Head)
	}
	return m.add(protocol.MapKey(c.LogID), leaf, bundle.Proofs[0])
}

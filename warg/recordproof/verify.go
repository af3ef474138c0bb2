package recordproof

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// Errors of [Verify]; each comes wrapped with what was wrong.
var (
	// ErrNoKey: there is no key of a log to verify the note with.
	ErrNoKey = errors.New("no key of a log is pinned")
	// ErrMalformed: the text is no proof of a release.
	ErrMalformed = errors.New("this is no proof of a release")
	// ErrNote: no pinned log has signed the note of the proof, or too few witnesses.
	ErrNote = errors.New("the tree head of the proof is not trusted")
	// ErrNotIncluded: the record of the proof is not proved to be in the log.
	ErrNotIncluded = errors.New("the record of the proof is not in the log")
	// ErrInvalidRecords: the records break a rule of the protocol.
	ErrInvalidRecords = errors.New("the records of the proof are not valid")
	// ErrOtherContent: the release is one of other bytes.
	ErrOtherContent = errors.New("the proof is not about this content")
	// ErrOtherRelease: the release is not of the package or version that is expected.
	ErrOtherRelease = errors.New("the proof is about another release")
)

// Options say whom [Verify] trusts, and what it expects.
type Options struct {
	// Logs are the keys of trusted records logs: the signature of one is enough. The
	// name of a key is the origin of its log. If there are none, the logs of the policy
	// are trusted.
	Logs []note.Verifier
	// Policy names the witnesses that must have cosigned the tree head; nil: none must.
	Policy *witness.Policy
	// Name and Version, unless zero, are what must have been released.
	Name    protocol.PackageName
	Version string
}

// Verify checks that a proof, in text as [tlog.Proof.Encode] writes it, is one of the
// release of the content with a digest. It does the cheap checks first: a proof by
// somebody else costs no more than reading it.
//
// What is proved, and what is not, [Result] says.
func Verify(proof []byte, digest protocol.Hash, o Options) (Result, error) {
	if len(proof) > MaxProof {
		return Result{}, fmt.Errorf("%w: it has %d bytes; %d are allowed", ErrMalformed, len(proof), MaxProof)
	}
	p, err := tlog.ParseProof(proof)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	trusted, err := o.openNote(p.Note)
	if err != nil {
		return Result{}, err
	}
	records, err := parseRecords(p.Extra)
	if err != nil {
		return Result{}, fmt.Errorf("%w: its records: %w", ErrMalformed, err)
	}
	if err := p.VerifyEntry(records.leaf().Encode(), trusted.head); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrNotIncluded, err)
	}
	log, err := records.replay()
	if err != nil {
		return Result{}, fmt.Errorf("%w: package %s, %w", ErrInvalidRecords, records.name, err)
	}
	versions, err := records.released(log, digest)
	if err != nil {
		return Result{}, err
	}
	if versions, err = o.expected(records.name, versions); err != nil {
		return Result{}, err
	}
	last := records.last()
	return Result{
		Name: records.name, Versions: versions, Digest: digest,
		RecordID: last.ID, RecordTime: last.Record.Time, Records: len(records.all),
		Signer: last.Envelope.KeyID, FirstKey: records.all[0].Envelope.KeyID,
		Head: trusted.head, Index: p.Index, LogKey: trusted.key, Cosignatures: trusted.cosignatures, Quorum: o.quorum(),
	}, nil
}

// expected demands the package and version that the options name, and leaves out the
// other versions.
func (o Options) expected(name protocol.PackageName, versions []string) ([]string, error) {
	if o.Name != (protocol.PackageName{}) && o.Name != name {
		return nil, fmt.Errorf("%w: one of package %s, not of %s", ErrOtherRelease, name, o.Name)
	}
	if o.Version == "" {
		return versions, nil
	}
	if !slices.Contains(versions, o.Version) {
		return nil, fmt.Errorf("%w: %s %s, not version %s", ErrOtherRelease, name, versions[0], o.Version)
	}
	return []string{o.Version}, nil
}

// quorum is the name of the quorum that the policy asks for; "" without one.
func (o Options) quorum() string {
	if o.Policy == nil || o.Policy.Quorum() == "none" {
		return ""
	}
	return o.Policy.Quorum()
}

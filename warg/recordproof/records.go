package recordproof

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// records are those of a package up to one with a release, decoded. Nothing of them
// was checked but the form.
type records struct {
	name protocol.PackageName
	all  []*protocol.SignedPackageRecord
}

// parseRecords reads the extra data of a proof.
func parseRecords(extra []byte) (records, error) {
	var r records
	count, err := countEntries(extra)
	if err != nil {
		return r, err
	}
	named, err := tlog.ParseEnvelopes(extra, count)
	if err != nil {
		return r, err
	}
	if r.name, err = protocol.ParsePackageName(named[0].Name); err != nil {
		return r, fmt.Errorf("record 0: %w", err)
	}
	r.all = make([]*protocol.SignedPackageRecord, count)
	for i, n := range named {
		if n.Name != named[0].Name {
			return r, fmt.Errorf("record %d is of the package %q, and record 0 of %q", i, n.Name, named[0].Name)
		}
		envelope, err := protocol.UnmarshalEnvelopeProto(n.Envelope)
		if err == nil {
			r.all[i], err = protocol.ParsePackageEnvelope(envelope)
		}
		if err != nil {
			return r, fmt.Errorf("record %d: %w", i, err)
		}
	}
	return r, nil
}

// countEntries counts the entries of a bundle of envelopes, by the lengths before
// them.
func countEntries(bundle []byte) (int, error) {
	count := 0
	for len(bundle) > 0 {
		if count == MaxRecords {
			return 0, fmt.Errorf("there are more than %d records", MaxRecords)
		}
		if len(bundle) < 4 || uint64(binary.BigEndian.Uint32(bundle)) > uint64(len(bundle)-4) {
			return 0, fmt.Errorf("they are cut off in record %d", count)
		}
		bundle = bundle[4+binary.BigEndian.Uint32(bundle):]
		count++
	}
	if count == 0 {
		return 0, errors.New("there is no record")
	}
	return count, nil
}

// last is the record that the proof is about.
func (r records) last() *protocol.SignedPackageRecord { return r.all[len(r.all)-1] }

// leaf is the entry of the records log that the last record is.
func (r records) leaf() protocol.LogLeaf {
	return protocol.LogLeaf{LogID: r.name.LogID(), RecordID: r.last().ID}
}

// replay validates all records in turn, by the rules of the protocol.
func (r records) replay() (*protocol.PackageLog, error) {
	log := new(protocol.PackageLog)
	for i, record := range r.all {
		if err := log.Validate(record); err != nil {
			return nil, fmt.Errorf("record %d, %s: %w", i, record.ID, err)
		}
	}
	return log, nil
}

// released returns the versions under which the last record releases a digest, none
// of which it yanks.
func (r records) released(log *protocol.PackageLog, digest protocol.Hash) (versions []string, err error) {
	yanked := ""
	for _, e := range r.last().Record.Entries {
		if e.Type != protocol.EntryRelease || e.Content != digest.Any() {
			continue
		}
		if release, ok := log.Release(e.Version); !ok || release.Yank != nil {
			yanked = e.Version
			continue
		}
		versions = append(versions, e.Version)
	}
	switch {
	case len(versions) > 0:
		return versions, nil
	case yanked != "":
		return nil, fmt.Errorf("the record that releases %s %s yanks it, too", r.name, yanked)
	}
	return nil, fmt.Errorf("%w: the record releases %s", ErrOtherContent, r.contents())
}

// contents names what the last record releases, for people.
func (r records) contents() string {
	contents := r.last().Record.Contents()
	switch len(contents) {
	case 0:
		return "nothing"
	case 1:
		return string(contents[0])
	}
	return fmt.Sprintf("%s and %d others", contents[0], len(contents)-1)
}

// ClaimedDigest returns the digest of the content that a proof says to be released as a
// version. Nothing of it is verified: see [Verify].
func ClaimedDigest(proof []byte, version string) (protocol.Hash, error) {
	if len(proof) > MaxProof {
		return protocol.Hash{}, fmt.Errorf("%w: it has %d bytes; %d are allowed", ErrMalformed, len(proof), MaxProof)
	}
	p, err := tlog.ParseProof(proof)
	if err != nil {
		return protocol.Hash{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	records, err := parseRecords(p.Extra)
	if err != nil {
		return protocol.Hash{}, fmt.Errorf("%w: its records: %w", ErrMalformed, err)
	}
	for _, e := range records.last().Record.Entries {
		if e.Type == protocol.EntryRelease && e.Version == version {
			return e.Content.Hash()
		}
	}
	return protocol.Hash{}, fmt.Errorf("%w: its last record does not release version %s", ErrOtherRelease, version)
}

package protocol

import "math"

// PackageRecord is what the author of a package publishes in one step: entries
// that take effect together or not at all.
type PackageRecord struct {
	Prev    AnyHash // id of the record before it in the log; empty in the first
	Version uint32  // of the protocol: RecordVersion
	Time    Time    // as claimed by the author
	Entries []PackageEntry
}

// PackageEntry is one entry of a package record. Type says which of the fields
// have a meaning:
//
//   - EntryInit: Key
//   - EntryGrantFlat: Key, Permissions
//   - EntryRevokeFlat: KeyID, Permissions
//   - EntryRelease: Version, Content
//   - EntryYank: Version
//
// The hash algorithm of an init is always SHA-256.
type PackageEntry struct {
	Type        EntryType
	Key         PublicKey
	KeyID       KeyID
	Permissions []PackagePermission
	Version     string  // a semantic version, see CheckVersion
	Content     AnyHash // digest of the release's content
}

// Numbers in the oneof of the PackageEntry message, and the shapes there.
const (
	packageInit    = 1
	packageGrant   = 2
	packageRevoke  = 3
	packageRelease = 4
	packageYank    = 5
)

var packageShapes = entryShapes{
	packageInit:    stringSecond,
	packageGrant:   permissionsSecond,
	packageRevoke:  permissionsSecond,
	packageRelease: stringSecond,
	packageYank:    noSecondField,
}

// DecodePackageRecord decodes the protobuf message PackageRecord. It accepts
// exactly what warg-protocol accepts. The record does not alias content.
func DecodePackageRecord(content []byte) (*PackageRecord, error) {
	return decodePackageRecord(content, nil)
}

// decodePackageRecord does not decode the first entry if it is known already:
// the key of an init costs much.
func decodePackageRecord(content []byte, first *PackageEntry) (*PackageRecord, error) {
	wire, err := decodeWireRecord(content, &packageShapes, math.MaxInt)
	if err != nil {
		return nil, err
	}
	r := &PackageRecord{Version: wire.version}
	if r.Prev, r.Time, err = wire.header(); err != nil {
		return nil, err
	}
	r.Entries = make([]PackageEntry, len(wire.entries))
	for i := range wire.entries {
		if i == 0 && first != nil {
			r.Entries[0] = *first
			continue
		}
		if r.Entries[i], err = packageEntryOf(&wire.entries[i]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func packageEntryOf(w *wireEntry) (e PackageEntry, err error) {
	switch w.field {
	case packageInit:
		e.Type = EntryInit
		if err = checkHashAlgorithm(string(w.text2)); err == nil {
			e.Key, err = ParsePublicKey(string(w.text1))
		}
	case packageGrant:
		e.Type = EntryGrantFlat
		if e.Key, err = ParsePublicKey(string(w.text1)); err == nil {
			e.Permissions, err = permissionsOf(packagePermissions, w.permissions)
		}
	case packageRevoke:
		e.Type, e.KeyID = EntryRevokeFlat, KeyID(w.text1)
		e.Permissions, err = permissionsOf(packagePermissions, w.permissions)
	case packageRelease:
		e.Type, e.Version = EntryRelease, string(w.text1)
		if err = CheckVersion(e.Version); err == nil {
			e.Content, err = ParseAnyHash(string(w.text2))
		}
	case packageYank:
		e.Type, e.Version = EntryYank, string(w.text1)
		err = CheckVersion(e.Version)
	default:
		err = errNoContent
	}
	return e, err
}

// Encode returns the record as a protobuf message, in the one form that the
// reference writes. The id of a received record is over the bytes received, not
// over these.
func (r *PackageRecord) Encode() []byte {
	b := appendRecordHeader(nil, r.Prev, r.Version, r.Time)
	for i := range r.Entries {
		switch e := &r.Entries[i]; e.Type {
		case EntryInit:
			b = appendEntry(b, packageInit, appendText(appendText(nil, 1, e.Key.String()), 2, hashAlgorithm))
		case EntryGrantFlat:
			b = appendEntry(b, packageGrant,
				appendPermissions(appendText(nil, 1, e.Key.String()), 2, packagePermissions, e.Permissions))
		case EntryRevokeFlat:
			b = appendEntry(b, packageRevoke,
				appendPermissions(appendText(nil, 1, string(e.KeyID)), 2, packagePermissions, e.Permissions))
		case EntryRelease:
			b = appendEntry(b, packageRelease, appendText(appendText(nil, 1, e.Version), 2, string(e.Content)))
		case EntryYank:
			b = appendEntry(b, packageYank, appendText(nil, 1, e.Version))
		}
	}
	return b
}

// Sign encodes the record and signs it.
func (r *PackageRecord) Sign(key PrivateKey) Envelope {
	return signEnvelope(key, PackageRecordSignature, r.Encode())
}

// Contents returns the digests of the record's releases in order, each once.
func (r *PackageRecord) Contents() []AnyHash {
	var contents []AnyHash
	seen := make(map[AnyHash]bool)
	for i := range r.Entries {
		if e := &r.Entries[i]; e.Type == EntryRelease && !seen[e.Content] {
			seen[e.Content] = true
			contents = append(contents, e.Content)
		}
	}
	return contents
}

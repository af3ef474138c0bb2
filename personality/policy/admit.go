package policy

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Limits of one record. The protocol has none; the official client publishes a
// handful of entries at a time.
const (
	// MaxRecordSize is the largest record in bytes, as encoded in its envelope.
	MaxRecordSize = 256 << 10
	// MaxEntries is the largest number of entries in a record.
	MaxEntries = 1000
	// MaxVersion is the longest version in bytes.
	MaxVersion = 255
	// MaxName is the longest package name in bytes.
	MaxName = 255
	// MaxKeys is the largest number of keys that the log of a package may know,
	// those without permissions included: no log ever forgets a key.
	MaxKeys = 1000
)

// lastSecond is 9999-12-31T23:59:59Z, the last that a protobuf Timestamp is
// specified for.
const lastSecond = 253402300799

// Admit refuses records that the protocol allows but no honest author writes.
// log is the state of the package's log before the record; the protocol's own
// verdict on the record is asked for elsewhere. It closes these holes:
//
//   - A key that holds no permission signs. The protocol asks only that the key
//     is known once the record's entries took effect, so a stranger may append
//     `grant []` to itself, and a key whose permissions were revoked may append
//     anything that needs none. Either would move the log on under the feet of
//     its owners.
//   - Grants and revocations of no permission, and records without entries: they
//     say nothing, and each takes a place in the log for good.
//   - Releases whose digest is not 32 bytes long: no content can ever match.
//   - Times before 1970, which the official client fails to keep, so that it can
//     no longer read the package, and beyond the year 9999.
//   - Records that are huge, or have very many entries or very long versions, or
//     bring the log's keys beyond [MaxKeys]: the state of a log is read and written
//     for each record. A log that has more keys already takes everything but new
//     keys.
//
// The error is an [UnauthorizedError] for the first of these, else a
// [RejectionError].
func Admit(log *protocol.PackageLog, rec *protocol.SignedPackageRecord) error {
	if _, _, begun := log.Head(); begun && !holdsAny(log, rec.Envelope.KeyID) {
		return &UnauthorizedError{fmt.Sprintf("key id `%s` holds no permission for this package", rec.Envelope.KeyID)}
	}
	if err := checkSize(len(rec.Envelope.Content)); err != nil {
		return err
	}
	if err := checkEntryCount(len(rec.Record.Entries)); err != nil {
		return err
	}
	if len(rec.Record.Entries) == 0 {
		return rejection("the record has no entries")
	}
	if s := rec.Record.Time.Seconds; s < 0 || s > lastSecond {
		return rejectYear()
	}
	for i := range rec.Record.Entries {
		if err := admitEntry(&rec.Record.Entries[i]); err != nil {
			return err
		}
	}
	return admitKeys(log, rec.Record)
}

// admitKeys bounds the keys of a log.
func admitKeys(log *protocol.PackageLog, rec *protocol.PackageRecord) error {
	added := map[protocol.KeyID]bool{}
	for i := range rec.Entries {
		e := &rec.Entries[i]
		if e.Type != protocol.EntryInit && e.Type != protocol.EntryGrantFlat {
			continue
		}
		id := e.Key.ID()
		if _, known := log.PublicKey(id); !known {
			added[id] = true
		}
	}
	if n := log.KeyCount() + len(added); len(added) > 0 && n > MaxKeys {
		return rejection("the package would have %d keys, more than %d; no key is ever forgotten, not even one without permissions", n, MaxKeys)
	}
	return nil
}

func admitEntry(e *protocol.PackageEntry) error {
	switch e.Type {
	case protocol.EntryGrantFlat, protocol.EntryRevokeFlat:
		if len(e.Permissions) == 0 {
			return rejection("an entry grants or revokes no permission")
		}
	case protocol.EntryRelease:
		if len(e.Version) > MaxVersion {
			return rejection("a version has %d bytes, more than %d", len(e.Version), MaxVersion)
		}
		if _, err := e.Content.Hash(); err != nil {
			return rejection("the content digest of version %s is not valid: %v", e.Version, err)
		}
	}
	return nil
}

func holdsAny(log *protocol.PackageLog, id protocol.KeyID) bool {
	return log.HasPermission(id, protocol.PermissionRelease) || log.HasPermission(id, protocol.PermissionYank)
}

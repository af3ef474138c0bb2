package client

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Init returns the entry that begins a package: key gets all permissions. It is
// the first entry of the first record, which key signs.
func Init(key protocol.PublicKey) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryInit, Key: key}
}

// Release returns an entry that releases a content under a semantic version.
func Release(version string, content protocol.Hash) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: content.Any()}
}

// Yank returns an entry that withdraws a release.
func Yank(version string) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryYank, Version: version}
}

// Grant returns an entry that gives permissions, which the signer holds, to a key.
func Grant(key protocol.PublicKey, permissions ...protocol.PackagePermission) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: key, Permissions: permissions}
}

// Revoke returns an entry that takes permissions, which the signer holds, from a key.
func Revoke(key protocol.KeyID, permissions ...protocol.PackagePermission) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRevokeFlat, KeyID: key, Permissions: permissions}
}

// Draft is the log of a package, to sign records for. Each record that is signed
// stands on the one before it, so several may be posted without waiting for the
// first to be published. A Draft is for one goroutine at a time.
type Draft struct {
	Name protocol.PackageName

	client *Client
	log    *packageChain
	base   []byte // the log as it was verified; nil: it is empty
	signed []protocol.Hash
}

// Empty says whether the package has no record yet: the first entry of the first
// record is that of [Init].
func (d *Draft) Empty() bool {
	_, _, began := d.log.Head()
	return !began
}

// Release returns the release of a version, yanked or not, as [Package.Release] does, with
// what was signed since.
func (d *Draft) Release(version string) (protocol.Release, bool) { return d.log.Release(version) }

// Keys returns the keys of the package's log, as [Package.Keys] does, with what was signed
// since.
func (d *Draft) Keys() iter.Seq2[protocol.KeyID, Key[protocol.PackagePermission]] {
	return keys(d.log.Permissions(), d.log.PublicKey)
}

// Record is a signed record of a package.
type Record struct {
	Name     protocol.PackageName
	ID       protocol.Hash
	Envelope protocol.Envelope

	base   []byte          // of its draft
	signed []protocol.Hash // the records of its draft up to this one
}

// Draft returns the log of a package as it stands, verified; an empty one if the
// registry has no such package yet.
//
// Errors are those of [Client.Package]; a [*NotFoundError] says that the
// registry does not have the namespace.
func (c *Client) Draft(ctx context.Context, name protocol.PackageName) (*Draft, error) {
	log, err := c.packageView(ctx, name)
	if err != nil {
		return nil, err
	}
	draft := &Draft{Name: name, client: c, log: log.state.(*packageChain)}
	_, err = c.viewPackage(ctx, log)
	var missing *NotFoundError
	if errors.As(err, &missing) && !missing.UndefinedNamespace {
		return draft, nil
	}
	if err != nil {
		return nil, err
	}
	draft.base, err = log.marshal()
	return draft, err
}

// Sign has a key, such as a [protocol.PrivateKey], sign a record with these entries,
// which take effect together, and takes it into the draft. Its time is that of the client's clock, or that of the
// record before it if the clock is behind.
//
// Errors: a [*protocol.ValidationError] if the record breaks a rule of the log,
// those of the signer, and others if the record has no valid form. The draft is
// unchanged then.
func (d *Draft) Sign(key protocol.Signer, entries ...protocol.PackageEntry) (*Record, error) {
	for _, e := range entries {
		if e.Type == protocol.EntryRelease {
			if err := protocol.CheckVersion(e.Version); err != nil {
				return nil, fmt.Errorf("release of %s: version %q: %w", d.Name, e.Version, err)
			}
		}
	}
	record := protocol.PackageRecord{Time: protocol.TimeOf(d.client.options.Now()), Entries: entries}
	if head, before, ok := d.log.Head(); ok {
		record.Prev = head.Any()
		if record.Time.Compare(before) < 0 {
			record.Time = before
		}
	}
	envelope, err := record.SignWith(key)
	if err != nil {
		return nil, fmt.Errorf("record of %s: %w", d.Name, err)
	}
	id, err := d.log.next(envelope)
	if err != nil {
		return nil, fmt.Errorf("record of %s: %w", d.Name, err)
	}
	d.signed = append(d.signed[:len(d.signed):len(d.signed)], id)
	return &Record{Name: d.Name, ID: id, Envelope: envelope, base: d.base, signed: d.signed}, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// already tells whether a package is, as its log proves, as all of the entries ask for, such
// as after a publish whose answer was lost: there is nothing to publish then. It returns the
// answer, with the record that did what the last entry asks for, and a line for each entry. An
// entry that has to be published makes the whole record one: its entries take effect together.
//
// A content that the registry has lost is uploaded again.
//
// Without such an answer it returns nil. It reads the records of a package only if its state does not deny that.
func already(ctx context.Context, s *session.Session, draft *client.Draft, signer protocol.PublicKey, entries []entry, contents []client.Content) (answer *published, lines []string, err error) {
	if draft.Empty() {
		return nil, nil, nil
	}
	for i, e := range entries {
		if !e.overridden(entries[i+1:]) && !e.stands(draft, signer) {
			return nil, nil, nil
		}
	}
	records, p, err := s.Client.Records(ctx, draft.Name)
	if err != nil {
		return nil, nil, err
	}
	answer = &published{Package: draft.Name, Published: true, Already: true, Entries: entries, Checkpoint: p.Checkpoint.Contents.LogLength}
	for _, e := range entries {
		record, ok := recordWith(records, signer, e)
		if !ok { // such as a release that was yanked, and had another content
			return nil, nil, nil
		}
		answer.RecordID = record.ID
		lines = append(lines, fmt.Sprintf("%s, by record `%s`", e.stood(draft.Name), record.ID))
		if e.Type == "release" {
			restored, err := restore(ctx, s, draft.Name, record.ID, *e.Content, contents)
			if err != nil {
				return nil, nil, fmt.Errorf("%s, by record `%s`, but its content: %w", e.stood(draft.Name), record.ID, err)
			}
			lines = append(lines, restored...)
		}
	}
	return answer, append(lines, "nothing was published"), nil
}

// restore uploads a content that the registry has lost, if it is here, and says so.
func restore(ctx context.Context, s *session.Session, name protocol.PackageName, record, digest protocol.Hash, contents []client.Content) ([]string, error) {
	at := slices.IndexFunc(contents, func(c client.Content) bool { return c.Digest == digest && c.Open != nil })
	if at < 0 {
		return nil, nil
	}
	restored, err := s.Client.Restore(ctx, name, record, contents[at])
	var withheld *client.WithheldError
	switch {
	case errors.As(err, &withheld):
		return []string{withheld.Error()}, nil
	case err != nil || !restored:
		return nil, err
	}
	return []string{fmt.Sprintf("the registry did not have the content %s; it was uploaded again", digest)}, nil
}

// overridden says whether a later entry of its record undoes an entry: its yank a release,
// and what comes behind a grant or revocation for the same key.
func (e entry) overridden(later []entry) bool {
	return slices.ContainsFunc(later, func(l entry) bool {
		switch e.Type {
		case "release":
			return l.Type == "yank" && l.Version == e.Version
		case "grant", "revoke":
			return (l.Type == "grant" || l.Type == "revoke") && l.key() == e.key()
		}
		return false
	})
}

// key is the id of the key that an entry is about.
func (e entry) key() protocol.KeyID {
	if e.Key != nil {
		return e.Key.ID()
	}
	return e.KeyID
}

// stands says whether a package is as an entry asks for.
func (e entry) stands(d *client.Draft, signer protocol.PublicKey) bool {
	switch e.Type {
	case "init":
		for id := range d.Keys() { // the first is the one that began the package
			return id == signer.ID() && holdsAll(d, id, protocol.PermissionRelease, protocol.PermissionYank)
		}
	case "release":
		r, ok := d.Release(e.Version)
		return ok && r.Yank == nil && e.Content != nil && r.Content == e.Content.Any()
	case "yank":
		r, ok := d.Release(e.Version)
		return ok && r.Yank != nil
	case "grant":
		return holdsAll(d, e.key(), e.Permissions...)
	case "revoke":
		for id, key := range d.Keys() { // a key that the log does not know may be a slip of the pen
			if id == e.KeyID {
				return !slices.ContainsFunc(e.Permissions, func(p protocol.PackagePermission) bool { return slices.Contains(key.Permissions, p) })
			}
		}
	}
	return false
}

// holdsAll says whether a key holds permissions.
func holdsAll(d *client.Draft, id protocol.KeyID, permissions ...protocol.PackagePermission) bool {
	for known, key := range d.Keys() {
		if known == id {
			return !slices.ContainsFunc(permissions, func(p protocol.PackagePermission) bool { return !slices.Contains(key.Permissions, p) })
		}
	}
	return false
}

// recordWith returns the last record that does what an entry asks for.
func recordWith(records []client.LoggedRecord, signer protocol.PublicKey, e entry) (client.LoggedRecord, bool) {
	for _, r := range slices.Backward(records) {
		if slices.ContainsFunc(r.Record.Entries, func(made protocol.PackageEntry) bool { return e.isMadeBy(made, signer) }) {
			return r, true
		}
	}
	return client.LoggedRecord{}, false
}

// isMadeBy says whether an entry of a log does what an entry asks for; of permissions, a part
// of it.
func (e entry) isMadeBy(made protocol.PackageEntry, signer protocol.PublicKey) bool {
	switch made.Type {
	case protocol.EntryInit:
		return e.Type == "init" && made.Key.Equal(signer) || e.Type == "grant" && made.Key.ID() == e.key()
	case protocol.EntryRelease:
		return e.Type == "release" && made.Version == e.Version && e.Content != nil && made.Content == e.Content.Any()
	case protocol.EntryYank:
		return e.Type == "yank" && made.Version == e.Version
	case protocol.EntryGrantFlat:
		return e.Type == "grant" && made.Key.ID() == e.key()
	case protocol.EntryRevokeFlat:
		return e.Type == "revoke" && made.KeyID == e.KeyID
	}
	return false
}

// stood says that a package is as an entry asks for.
func (e entry) stood(name protocol.PackageName) string {
	switch e.Type {
	case "init":
		return fmt.Sprintf("package `%s` is already there, begun with your key", name)
	case "release":
		return fmt.Sprintf("version %s of package `%s` is already released, with the same content", e.Version, name)
	case "yank":
		return fmt.Sprintf("version %s of package `%s` is already yanked", e.Version, name)
	case "grant":
		return fmt.Sprintf("(%s) is already granted to key ID `%s` for package `%s`", joined(e.Permissions), e.key(), name)
	}
	return fmt.Sprintf("key ID `%s` does not have (%s) for package `%s` any more", e.KeyID, joined(e.Permissions), name)
}

// explainInvalid adds to the error of a record that the rules of its log refuse what is there
// already.
func explainInvalid(err error, draft *client.Draft, signer protocol.PublicKey, entries []entry) error {
	var invalid *protocol.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	for _, e := range entries {
		if e.Type == "release" {
			if r, ok := draft.Release(e.Version); ok && r.Yank != nil {
				err = fmt.Errorf("%w\nversion %s was released by record %s and withdrawn: release another version", err, e.Version, r.RecordID)
			} else if ok && e.Content != nil && r.Content != e.Content.Any() {
				err = fmt.Errorf("%w\nversion %s was released with another content, %s, by record %s: release another version", err, e.Version, r.Content, r.RecordID)
			}
		}
		if len(entries) > 1 && e.stands(draft, signer) {
			err = fmt.Errorf("%w\n%s: `warg publish abort`, and begin a record without that", err, e.stood(draft.Name))
		}
	}
	return err
}

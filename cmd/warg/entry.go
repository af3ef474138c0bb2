package main

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// entry is an entry of a record that is to be signed, as the file of a pending record has
// it too. The type says which of the others have a meaning.
type entry struct {
	Type        string                       `json:"entry"` // init, release, yank, grant or revoke
	Version     string                       `json:"version,omitempty"`
	Content     *protocol.Hash               `json:"content,omitempty"`
	Path        string                       `json:"path,omitempty"` // of the content; "": it is not here
	Sources     []string                     `json:"contentSources,omitempty"`
	Size        int64                        `json:"size,omitempty"` // bytes
	Key         *protocol.PublicKey          `json:"publicKey,omitempty"`
	KeyID       protocol.KeyID               `json:"keyId,omitempty"`
	Permissions []protocol.PackagePermission `json:"permissions,omitempty"`
}

// signed is the entry in the record of a signer.
func (e entry) signed(signer protocol.Signer) (protocol.PackageEntry, error) {
	switch {
	case e.Type == "init":
		return client.Init(signer.Public()), nil
	case e.Type == "release" && e.Content != nil:
		return client.Release(e.Version, *e.Content), nil
	case e.Type == "yank":
		return client.Yank(e.Version), nil
	case e.Type == "grant" && e.Key != nil:
		return client.Grant(*e.Key, e.Permissions...), nil
	case e.Type == "revoke":
		return client.Revoke(e.KeyID, e.Permissions...), nil
	}
	return protocol.PackageEntry{}, fmt.Errorf("the pending record has an entry that is not known: %q", e.Type)
}

// words say what an entry does.
func (e entry) words() string {
	switch e.Type {
	case "init":
		return "initialization"
	case "release":
		return fmt.Sprintf("release of version %s with content %s", e.Version, e.Content)
	case "yank":
		return "yank of version " + e.Version
	case "grant":
		return fmt.Sprintf("grant of (%s) to key ID `%s`", joined(e.Permissions), e.Key.ID())
	}
	return fmt.Sprintf("revoke of (%s) from key ID `%s`", joined(e.Permissions), e.KeyID)
}

// done says what an entry has done to a package.
func (e entry) done(name protocol.PackageName) string {
	switch e.Type {
	case "init":
		return fmt.Sprintf("published initialization of package `%s`", name)
	case "release":
		return fmt.Sprintf("published version %s of package `%s`", e.Version, name)
	case "yank":
		return fmt.Sprintf("yanked version %s of package `%s`", e.Version, name)
	case "grant":
		return fmt.Sprintf("granted (%s) to key ID `%s` for package `%s`", joined(e.Permissions), e.Key.ID(), name)
	}
	return fmt.Sprintf("revoked (%s) from key ID `%s` for package `%s`", joined(e.Permissions), e.KeyID, name)
}

package policy

import (
	"fmt"
	"slices"

	"github.com/BurntSushi/toml"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// AuthorizedKeys are the keys that may publish, by namespace and by package.
// Source of the rules and of the file's form: the reference server,
// policy/record/authorization.rs. It is immutable and safe for concurrent use.
// A nil *AuthorizedKeys lets every key publish everywhere.
type AuthorizedKeys struct {
	superusers map[protocol.KeyID]bool
	namespaces map[string]authorization
	packages   map[protocol.PackageName]authorization
}

// authorization is what the file says about one namespace or package.
type authorization struct {
	keys       map[protocol.KeyID]bool
	delegation bool // any key may add to a log, where the log's own permissions allow it
}

// LoadAuthorizedKeys reads a TOML file:
//
//	superuser_keys = ["sha256:..."]  # publish everywhere
//
//	[namespace.NAME]
//	keys = ["sha256:..."]            # publish to packages of the namespace
//	delegation = true                # default false
//
//	[package."NAMESPACE:NAME"]
//	keys = ["sha256:..."]
//
// With delegation, only the keys listed may begin a log; then any key may add
// to it that has been granted permissions there. As in the reference, unknown
// members and invalid package names are errors, the form of a key id or of a
// namespace is not checked, and `keys` must be there.
func LoadAuthorizedKeys(path string) (*AuthorizedKeys, error) {
	data, err := files.Read(path, files.ListSize)
	if err != nil {
		return nil, fmt.Errorf("failed to read authorized keys from %q: %w", path, err)
	}
	a, err := parseAuthorizedKeys(string(data))
	if err != nil {
		return nil, fmt.Errorf("failed to decode authorized keys from %q: %w", path, err)
	}
	return a, nil
}

// section is a table of the file.
type section struct {
	Keys       []protocol.KeyID `toml:"keys"`
	Delegation bool             `toml:"delegation"`
}

func parseAuthorizedKeys(text string) (*AuthorizedKeys, error) {
	var file struct {
		SuperuserKeys []protocol.KeyID   `toml:"superuser_keys"`
		Namespaces    map[string]section `toml:"namespace"`
		Packages      map[string]section `toml:"package"`
	}
	meta, err := toml.Decode(text, &file)
	if err != nil {
		return nil, err
	}
	if err := checkMembers(meta.Keys()); err != nil {
		return nil, err
	}
	a := &AuthorizedKeys{
		superusers: setOf(file.SuperuserKeys),
		namespaces: map[string]authorization{},
		packages:   map[protocol.PackageName]authorization{},
	}
	for name, s := range file.Namespaces {
		if !meta.IsDefined("namespace", name, "keys") {
			return nil, fmt.Errorf("namespace.%s: missing field `keys`", name)
		}
		a.namespaces[name] = authorization{setOf(s.Keys), s.Delegation}
	}
	for text, s := range file.Packages {
		name, err := protocol.ParsePackageName(text)
		if err != nil {
			return nil, err
		}
		if !meta.IsDefined("package", text, "keys") {
			return nil, fmt.Errorf("package.%q: missing field `keys`", text)
		}
		a.packages[name] = authorization{setOf(s.Keys), s.Delegation}
	}
	return a, nil
}

// checkMembers refuses members that are unknown. It looks at the spelling in
// the file, as the decoder takes names in any case.
func checkMembers(keys []toml.Key) error {
	allowed := [][]string{
		{"superuser_keys", "namespace", "package"}, // at the top
		nil,                    // a namespace or package: any
		{"keys", "delegation"}, // in a table
	}
	for _, key := range keys {
		for level, name := range key {
			if level >= len(allowed) || allowed[level] != nil && !slices.Contains(allowed[level], name) {
				return fmt.Errorf("unknown field `%s`", key)
			}
		}
	}
	return nil
}

func setOf(keys []protocol.KeyID) map[protocol.KeyID]bool {
	set := make(map[protocol.KeyID]bool, len(keys))
	for _, k := range keys {
		set[k] = true
	}
	return set
}

// Check returns an [UnauthorizedError] unless the key may publish each of the
// record's entries to the package. keyID must be the key whose signature of
// the record is verified by other means.
func (a *AuthorizedKeys) Check(name protocol.PackageName, keyID protocol.KeyID, record *protocol.PackageRecord) error {
	if a == nil {
		return nil
	}
	for i := range record.Entries {
		isInit := record.Entries[i].Type == protocol.EntryInit
		if !a.allows(name, keyID, isInit) {
			return &UnauthorizedError{fmt.Sprintf("key id `%s` is not authorized to publish to package `%s`", keyID, name)}
		}
	}
	return nil
}

func (a *AuthorizedKeys) allows(name protocol.PackageName, keyID protocol.KeyID, isInit bool) bool {
	return a.superusers[keyID] ||
		a.namespaces[name.Namespace()].allows(keyID, isInit) ||
		a.packages[name].allows(keyID, isInit)
}

func (p authorization) allows(keyID protocol.KeyID, isInit bool) bool {
	return p.delegation && !isInit || p.keys[keyID]
}

package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const keysFile = `
superuser_keys = ["super"]

[namespace.ns]
keys = ["ns-key", "ns-key", "any text at all"]

[namespace.open]
keys = ["owner"]
delegation = true

[package."ns:pkg"]
keys = ["pkg-key"]

[package."ns2:open"]
keys = ["owner"]
delegation = true

[package."ns2:closed"]
keys = []
`

func load(t *testing.T, text string) (*AuthorizedKeys, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return LoadAuthorizedKeys(path)
}

func packageName(t *testing.T, text string) protocol.PackageName {
	t.Helper()
	name, err := protocol.ParsePackageName(text)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func record(types ...protocol.EntryType) *protocol.PackageRecord {
	r := &protocol.PackageRecord{}
	for _, entry := range types {
		r.Entries = append(r.Entries, protocol.PackageEntry{Type: entry})
	}
	return r
}

func TestAuthorizedKeys(t *testing.T) {
	keys, err := load(t, keysFile)
	if err != nil {
		t.Fatal(err)
	}
	first := record(protocol.EntryInit)
	later := record(protocol.EntryRelease)
	both := record(protocol.EntryInit, protocol.EntryRelease)
	bothTurned := record(protocol.EntryRelease, protocol.EntryInit)
	for _, test := range []struct {
		pkg    string
		key    protocol.KeyID
		record *protocol.PackageRecord
		want   bool
	}{
		{"ns:pkg", "super", first, true},
		{"elsewhere:pkg", "super", both, true},
		{"ns:pkg", "ns-key", first, true},
		{"ns:other", "ns-key", later, true},
		{"ns:other", "any text at all", later, true},
		{"ns2:pkg", "ns-key", first, false},
		{"ns:pkg", "pkg-key", both, true},
		{"ns:other", "pkg-key", later, false},
		{"ns:pkg", "stranger", later, false},
		{"open:any", "owner", first, true},
		{"open:any", "stranger", first, false},
		{"open:any", "stranger", later, true},
		{"open:any", "stranger", both, false},
		{"open:any", "stranger", bothTurned, false},
		{"ns2:open", "owner", first, true},
		{"ns2:open", "stranger", later, true},
		{"ns2:open", "stranger", first, false},
		{"ns2:closed", "owner", later, false},
		{"elsewhere:pkg", "stranger", record(), true}, // no entry, nothing to authorize
		{"elsewhere:pkg", "", later, false},
	} {
		err := keys.Check(packageName(t, test.pkg), test.key, test.record)
		if (err == nil) != test.want {
			t.Errorf("%s by %q: %v", test.pkg, test.key, err)
		}
		if err == nil {
			continue
		}
		var unauthorized *UnauthorizedError
		if want := "key id `" + string(test.key) + "` is not authorized to publish to package `" + test.pkg + "`"; !errors.As(err, &unauthorized) || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	var all *AuthorizedKeys
	if err := all.Check(packageName(t, "a:b"), "anybody", first); err != nil {
		t.Errorf("without a policy: %v", err)
	}
}

func TestAuthorizedKeysFile(t *testing.T) {
	for _, text := range []string{
		"", "superuser_keys = []", "namespace = {}",
		"namespace.ns = {keys = ['a'], delegation = true}",
		"[namespace.'Not A Namespace']\nkeys = []", // the reference does not look
	} {
		if _, err := load(t, text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, test := range []struct{ text, want string }{
		{"[namespace", "toml"},
		{"superusers = []", "unknown field `superusers`"},
		{"SUPERUSER_KEYS = ['a']", "unknown field"},
		{"[Namespace.ns]\nkeys = []", "unknown field"},
		{"[namespace.ns]\nKeys = []", "unknown field"},
		{"[namespace.ns]\nkeys = []\ndelegate = true", "unknown field `namespace.ns.delegate`"},
		{"[namespace.ns]\nkeys = []\n[namespace.ns.sub]\nkeys = []", "unknown field"},
		{"[namespace.ns]\ndelegation = true", "missing field `keys`"},
		{"[package.'ns:pkg']", "missing field `keys`"},
		{"[package.pkg]\nkeys = []", "invalid package name `pkg`"},
		{"[namespace.ns]\nkeys = 'a'", "keys"},
		{"[namespace.ns]\nkeys = [1]", "keys"},
		{"[namespace.ns]\nkeys = []\ndelegation = 'yes'", "delegation"},
		{"[namespace.ns]\nkeys = []\n[namespace.ns]\nkeys = []", "already been defined"},
	} {
		_, err := load(t, test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "failed to decode authorized keys from") {
			t.Errorf("%q: error is %v, want %s", test.text, err, test.want)
		}
	}
	if _, err := LoadAuthorizedKeys("/nowhere/keys.toml"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "failed to read authorized keys from") {
		t.Errorf("without a file: %v", err)
	}
}

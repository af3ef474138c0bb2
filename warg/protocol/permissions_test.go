package protocol

import (
	"fmt"
	"slices"
	"testing"
)

// Keys come in the order of the log, with what they hold after it; one that lost
// all is still there.
func TestPermissions(t *testing.T) {
	var key [3]PrivateKey
	for i := range key {
		var err error
		if key[i], err = GeneratePrivateKey(); err != nil {
			t.Fatal(err)
		}
	}
	record := PackageRecord{Entries: []PackageEntry{
		{Type: EntryInit, Key: key[0].Public()},
		{Type: EntryGrantFlat, Key: key[1].Public(), Permissions: []PackagePermission{PermissionYank}},
		{Type: EntryGrantFlat, Key: key[2].Public(), Permissions: []PackagePermission{PermissionRelease}},
		{Type: EntryRevokeFlat, KeyID: key[1].Public().ID(), Permissions: []PackagePermission{PermissionYank}},
	}}
	signed, err := ParsePackageEnvelope(record.Sign(key[0]))
	if err != nil {
		t.Fatal(err)
	}
	log := new(PackageLog)
	if err := log.Validate(signed); err != nil {
		t.Fatal(err)
	}
	var got []string
	for id, held := range log.Permissions() {
		got = append(got, fmt.Sprint(slices.IndexFunc(key[:], func(k PrivateKey) bool { return k.Public().ID() == id }), held))
		clear(held) // a copy
	}
	if want := []string{"0 [release yank]", "1 []", "2 [release]"}; !slices.Equal(got, want) {
		t.Errorf("permissions %q, want %q", got, want)
	}
	for range log.Permissions() {
		break
	}
	if !log.HasPermission(key[0].Public().ID(), PermissionRelease) {
		t.Error("a caller changed the log")
	}
}

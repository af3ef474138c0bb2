package protocol

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// checkDecoded checks that a log that came from a stored state is the same once
// its keys are decoded: it writes the same state, and finds the same.
func checkDecoded(t *testing.T, log *PackageLog, state []byte) {
	t.Helper()
	count := log.KeyCount()
	type found struct {
		key   PublicKey
		held  permissionSet[PackagePermission]
		known bool
	}
	before := map[KeyID]found{}
	log.stored.holders.each(func(member []byte) {
		id, _, _ := parseHolder(member, packagePermissions)
		log.stored.lookups = 0
		key, _ := log.PublicKey(KeyID(id))
		held, known := log.held(KeyID(id))
		before[KeyID(id)] = found{key, held, known}
	})
	repeated := len(before) < log.stored.holders.n // no state that we write
	log.decode()
	if repeated || log.keys.len() < count {
		return
	}
	for id, want := range before {
		key, _ := log.PublicKey(id)
		held, known := log.held(id)
		if got := (found{key, held, known}); got != want {
			t.Errorf("key %q is %v once decoded, was %v", id, got, want)
		}
	}
	if log.KeyCount() != count {
		t.Errorf("%d keys once decoded, were %d", log.KeyCount(), count)
	}
	again, err := log.MarshalState()
	if err != nil || !bytes.Equal(again, state) {
		t.Errorf("state is %x once decoded, error %v, was %x", again, err, state)
	}
}

// The form in which states stand in databases.
func TestStoredForm(t *testing.T) {
	key, err := ParsePublicKey("ecdsa-p256:AzsDaO6tpUhZlNt78sxSUK86hXOG/5m9r+xYnHeuS0FO")
	if err != nil {
		t.Fatal(err)
	}
	id := hex.EncodeToString([]byte(key.ID()))
	const point = "033b0368eeada5485994db7bf2cc5250af3a857386ff99bdafec589c77ae4b414e"
	want := "0a20" + strings.Repeat("ab", 32) + "1007" + "1805" + "2001" +
		"2a4d" + "0a47" + id + "12020102" +
		"326c" + "0a47" + id + "1221" + point
	state, err := hex.DecodeString(want)
	if err != nil {
		t.Fatal(err)
	}
	var log PackageLog
	if err := log.UnmarshalState(state); err != nil {
		t.Fatal(err)
	}
	head, at, ok := log.Head()
	if !ok || head != Hash(bytes.Repeat([]byte{0xab}, 32)) || at != (Time{Seconds: 7, Nanos: 5}) || !log.initialized {
		t.Errorf("head is %v at %v, %v", head, at, ok)
	}
	if got, ok := log.PublicKey(key.ID()); !ok || !got.Equal(key) {
		t.Errorf("key is %v, %v", got, ok)
	}
	for _, p := range packagePermissions {
		if !log.HasPermission(key.ID(), p) {
			t.Errorf("permission %s is missing", p)
		}
	}
	log.decode()
	if got, err := log.MarshalState(); err != nil || hex.EncodeToString(got) != want {
		t.Errorf("written as %x, error %v, want %s", got, err, want)
	}
}

func TestRefusedStates(t *testing.T) {
	const holder, key = "2a070a01611202" + "0102", "32260a01611221" + "02"
	point := strings.Repeat("00", 32)
	for name, text := range map[string]string{
		"head too short":             "0a0100",
		"head twice":                 strings.Repeat("0a20"+strings.Repeat("ab", 32), 2),
		"head as a number":           "0801",
		"seconds as bytes":           "1200",
		"nanos as bytes":             "1a00",
		"initialized as bytes":       "2200",
		"out of order":               "18051007",
		"keys before holders":        key + point + holder,
		"unknown field":              "3801",
		"cut":                        "1a",
		"holder as a number":         "2801",
		"key as a number":            "3001",
		"holder cut":                 "2a020a02",
		"permission 0":               "2a060a0161120100",
		"permission 3":               "2a060a0161120103",
		"permission twice":           "2a070a016112020101",
		"permissions not packed":     "2a050a01611001",
		"empty permissions":          "2a050a01611200",
		"empty id":                   "2a050a00120101",
		"id twice":                   "2a060a01610a0161",
		"bytes behind":               "2a070a016112010118",
		"no point":                   "32030a0161",
		"point too short":            "32250a0161122002" + point[2:],
		"point of the other form":    "32260a0161122104" + point,
		"point not followed by more": "32280a0161122102" + point + "1801",
	} {
		state, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(name, err)
		}
		var log PackageLog
		if err := log.UnmarshalState(state); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	var log PackageLog
	state, _ := hex.DecodeString(holder + key + point)
	if err := log.UnmarshalState(state); err != nil {
		t.Errorf("the state that those differ from: %v", err)
	}
}

func TestStateOfEmptyLog(t *testing.T) {
	var log PackageLog
	if state := mustState(t, &log); len(state) != 0 {
		t.Errorf("state is %x", state)
	}
	if err := log.UnmarshalState(nil); err != nil || log.KeyCount() != 0 {
		t.Errorf("%d keys, error %v", log.KeyCount(), err)
	}
}

func TestStateKey(t *testing.T) {
	log, _ := logWithKeys(t, 40)
	state, err := log.MarshalState()
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range log.keys.all() {
		key, ok, err := StateKey(state, id)
		if err != nil || !ok || !key.Equal(want) {
			t.Errorf("key %s is %v, %v, %v", id, key, ok, err)
		}
	}
	first := log.keys.keys[0]
	for _, id := range []KeyID{"", "sha256:", first[:len(first)-1], first + "0", testKey(t).Public().ID()} {
		if key, ok, err := StateKey(state, id); ok || err != nil {
			t.Errorf("%q is %v, %v, %v", id, key, ok, err)
		}
	}
	if _, ok, err := StateKey(nil, first); ok || err != nil {
		t.Errorf("in an empty log: %v, %v", ok, err)
	}
	if _, _, err := StateKey(state[:len(state)-1], testKey(t).Public().ID()); err == nil {
		t.Error("a cut state is searched without error")
	}
	if _, _, err := StateKey([]byte{0x32, 3, 0x0a, 1, 'a'}, "a"); err == nil {
		t.Error("a key without a point is found")
	}
}

// A log that came from its stored state goes on like the one that was stored,
// whether or not its keys were decoded in between.
func TestStoredLogGoesOn(t *testing.T) {
	const keys = 40
	log, chain := logWithKeys(t, keys)
	state, err := log.MarshalState()
	if err != nil {
		t.Fatal(err)
	}
	var stored PackageLog
	if err := stored.UnmarshalState(state); err != nil {
		t.Fatal(err)
	}
	known := log.keys.values[7]
	stranger := testKey(t).Public()
	grant := func(key PublicKey, p ...PackagePermission) PackageEntry {
		return PackageEntry{Type: EntryGrantFlat, Key: key, Permissions: p}
	}
	many := []PackageEntry{}
	for i := range 2 * maxLookups {
		many = append(many, release(fmt.Sprintf("%d.0.0", i)))
	}
	for i, entries := range [][]PackageEntry{
		{release("100.0.0")},
		{{Type: EntryYank, Version: "100.0.0"}},
		many, // more lookups than searches are worth
		{grant(known, PermissionRelease)},
		{{Type: EntryRevokeFlat, KeyID: known.ID(), Permissions: []PackagePermission{PermissionYank}}},
		{grant(stranger, PermissionYank, PermissionRelease)},
	} {
		r := chain.next(entries)
		bad := chain.next(append(slices.Clone(entries), grant(testKey(t).Public(), PermissionRelease), PackageEntry{Type: EntryInit, Key: known}))
		bad.Record.Prev = r.Record.Prev
		before := mustState(t, &stored)
		if err := stored.Validate(bad); err == nil {
			t.Fatal("a second init is accepted")
		}
		if after := mustState(t, &stored); !bytes.Equal(after, before) {
			t.Errorf("record %d: a refused record changed the state", i)
		}
		chain.prev = r.ID.Any()
		mustValidate(t, log, r)
		mustValidate(t, &stored, r)
		want := mustState(t, log)
		if got := mustState(t, &stored); !bytes.Equal(got, want) {
			t.Fatalf("record %d: state is\n%x, want\n%x", i, got, want)
		}
		if log.KeyCount() != stored.KeyCount() {
			t.Errorf("record %d: %d keys, want %d", i, stored.KeyCount(), log.KeyCount())
		}
		// Back to a stored one that nothing was asked of.
		releases := slices.Collect(stored.Releases())
		if err := stored.UnmarshalState(want); err != nil {
			t.Fatal(err)
		}
		for _, r := range releases {
			stored.SetRelease(r)
		}
	}
	if log.KeyCount() != keys+1 {
		t.Errorf("%d keys", log.KeyCount())
	}
}

func mustState(t *testing.T, log *PackageLog) []byte {
	t.Helper()
	state, err := log.MarshalState()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

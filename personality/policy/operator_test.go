package policy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// operatorLog is an operator log of a key that defines "one".
func operatorLog(t *testing.T, key protocol.PrivateKey, at time.Time) *protocol.OperatorLog {
	t.Helper()
	log := new(protocol.OperatorLog)
	operatorAccept(t, log, key, &protocol.OperatorRecord{Time: protocol.TimeOf(at), Entries: []protocol.OperatorEntry{
		{Type: protocol.EntryInit, Key: key.Public()}, {Type: protocol.EntryDefineNamespace, Namespace: "one"},
	}})
	return log
}

func operatorAccept(t *testing.T, log *protocol.OperatorLog, key protocol.PrivateKey, record *protocol.OperatorRecord) {
	t.Helper()
	if head, _, ok := log.Head(); ok {
		record.Prev = head.Any()
	}
	signed, err := OpenOperatorRecord(record.Sign(key))
	if err == nil {
		err = log.Validate(signed)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func newKey(t *testing.T) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAdmitOperator(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	key, other := newKey(t), newKey(t)
	log := operatorLog(t, key, now)
	imports := func(registry string) []protocol.OperatorEntry {
		return []protocol.OperatorEntry{{Type: protocol.EntryImportNamespace, Namespace: "wasi", Registry: registry}}
	}
	for what, entries := range map[string][]protocol.OperatorEntry{
		"a namespace": {{Type: protocol.EntryDefineNamespace, Namespace: "two"}},
		"a host":      imports("registry.example.com:8090"),
		"a key":       {{Type: protocol.EntryGrantFlat, Key: other.Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}}},
	} {
		if err := AdmitOperator(log, &protocol.OperatorRecord{Time: protocol.TimeOf(now), Entries: entries}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	var keys []protocol.OperatorEntry
	for range MaxKeys {
		keys = append(keys, protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: newKey(t).Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}})
	}
	for what, entries := range map[string][]protocol.OperatorEntry{
		"nothing":            nil,
		"a URL":              imports("https://registry.example.com"),
		"..":                 imports(".."),
		"control characters": imports("a\x1b[2Jb"),
		"60 KB":              imports(strings.Repeat("a", 60<<10)),
		"no UTF-8":           imports("\xff\xfe"),
		"empty grant":        {{Type: protocol.EntryGrantFlat, Key: other.Public()}},
		"empty revocation":   {{Type: protocol.EntryRevokeFlat, KeyID: key.Public().ID()}},
		"a long namespace":   {{Type: protocol.EntryDefineNamespace, Namespace: strings.Repeat("a", MaxName)}},
		"too many keys":      keys,
	} {
		err := AdmitOperator(log, &protocol.OperatorRecord{Time: protocol.TimeOf(now), Entries: entries})
		if _, ok := errors.AsType[*RejectionError](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	ahead := &protocol.OperatorRecord{Time: protocol.TimeOf(now.Add(2 * time.Minute))}
	if err := OperatorNotAhead(now, time.Minute, log, ahead); err == nil {
		t.Error("a record from the future is taken")
	}
	if err := OperatorNotAhead(now, 2*time.Minute, log, ahead); err != nil {
		t.Error(err)
	}
	if _, err := OpenOperatorRecord(protocol.Envelope{Content: make([]byte, MaxRecordSize+1)}); err == nil {
		t.Error("a record of any size is opened")
	}
	if err := AdmitOperator(log, &protocol.OperatorRecord{Time: protocol.Time{Seconds: -1}, Entries: imports("a.example")}); err == nil {
		t.Error("a record from before 1970 is taken")
	}
}

// A permission that some key has is not taken from the last one.
func TestKeepsHolders(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	key, other := newKey(t), newKey(t)
	for _, p := range []protocol.OperatorPermission{protocol.PermissionCommit, protocol.PermissionDefineNamespace, protocol.PermissionImportNamespace} {
		before, after := operatorLog(t, key, now), operatorLog(t, key, now)
		revoke := protocol.OperatorEntry{Type: protocol.EntryRevokeFlat, KeyID: key.Public().ID(), Permissions: []protocol.OperatorPermission{p}}
		operatorAccept(t, after, key, &protocol.OperatorRecord{Time: protocol.TimeOf(now), Entries: []protocol.OperatorEntry{revoke}})
		if err := KeepsHolders(before, after); err == nil || !strings.Contains(err.Error(), string(p)) {
			t.Errorf("the last %s is revoked: %v", p, err)
		}
		after = operatorLog(t, key, now)
		grant := protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: other.Public(), Permissions: []protocol.OperatorPermission{p}}
		operatorAccept(t, after, key, &protocol.OperatorRecord{Time: protocol.TimeOf(now), Entries: []protocol.OperatorEntry{grant, revoke}})
		if err := KeepsHolders(before, after); err != nil {
			t.Error(err)
		}
	}
}

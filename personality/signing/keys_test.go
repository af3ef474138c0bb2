package signing_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func newKeys(t *testing.T, n int) (keys []protocol.PrivateKey, ids []protocol.KeyID) {
	t.Helper()
	for range n {
		key, err := protocol.GeneratePrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		keys, ids = append(keys, key), append(ids, key.Public().ID())
	}
	return keys, ids
}

// The newest is by the order in which the log came to know the keys, not by that in which
// they are held: all processes choose the same.
func TestNewest(t *testing.T) {
	keys, ids := newKeys(t, 4)
	for _, c := range []struct {
		what      string
		held      []int
		permitted []int
		want      int // -1: none
	}{
		{"one", []int{0}, []int{0}, 0},
		{"the newer", []int{0, 1}, []int{0, 1}, 1},
		{"the newer, held first", []int{1, 0}, []int{0, 1}, 1},
		{"the newer is not held", []int{0}, []int{0, 1}, 0},
		{"the newer is not permitted", []int{0, 1}, []int{0}, 0},
		{"none in common", []int{0, 1}, []int{2, 3}, -1},
		{"nothing is held", nil, []int{0}, -1},
		{"nothing is permitted", []int{0}, nil, -1},
	} {
		held := signing.New()
		var signers []protocol.Signer
		for _, i := range c.held {
			signers = append(signers, keys[i])
		}
		held.Replace(signers...)
		var permitted []protocol.KeyID
		for _, i := range c.permitted {
			permitted = append(permitted, ids[i])
		}
		got, ok := held.Newest(permitted)
		if ok != (c.want >= 0) || ok && got.Public().ID() != ids[c.want] {
			t.Errorf("%s: %v, %v", c.what, got, ok)
		}
	}
}

// Which key may do something, the operator log says; the newest is not one that lacks a
// permission which an older one has.
func TestPermitted(t *testing.T) {
	keys, ids := newKeys(t, 3)
	held := signing.New(keys[0], keys[1], keys[2])
	log := new(protocol.OperatorLog)
	record := protocol.OperatorRecord{Time: protocol.TimeOf(time.Unix(1_700_000_000, 0)), Entries: []protocol.OperatorEntry{
		{Type: protocol.EntryInit, Key: keys[0].Public()},
		{Type: protocol.EntryGrantFlat, Key: keys[1].Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}},
		{Type: protocol.EntryGrantFlat, Key: keys[2].Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionDefineNamespace}},
	}}
	signed, err := protocol.ParseOperatorEnvelope(record.Sign(keys[0]))
	if err == nil {
		err = log.Validate(signed)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		needed []protocol.OperatorPermission
		want   int
	}{
		{[]protocol.OperatorPermission{protocol.PermissionCommit}, 1},
		{[]protocol.OperatorPermission{protocol.PermissionDefineNamespace}, 2},
		{[]protocol.OperatorPermission{protocol.PermissionImportNamespace}, 0},
		{[]protocol.OperatorPermission{protocol.PermissionCommit, protocol.PermissionDefineNamespace}, 0},
	} {
		if got, ok := held.Permitted(log, c.needed...); !ok || got.Public().ID() != ids[c.want] {
			t.Errorf("%v: %v, %v", c.needed, got, ok)
		}
	}
}

// Keys are replaced while others sign: whoever asks sees all of the old ones or all of the
// new ones, also when the caller's slice changes later.
func TestReplacedWhileUsed(t *testing.T) {
	keys, ids := newKeys(t, 4)
	sets := [][]protocol.Signer{{keys[0], keys[1]}, {keys[2], keys[3]}}
	held := signing.New(sets[0]...)
	end := make(chan struct{})
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for {
				if seen := held.IDs(); !slices.Equal(seen, ids[:2]) && !slices.Equal(seen, ids[2:]) {
					t.Errorf("a mixture of keys: %v", seen)
					return
				}
				if _, ok := held.Newest(ids); !ok {
					t.Error("there is no key in between")
					return
				}
				select {
				case <-end:
					return
				default:
				}
			}
		})
	}
	for i := range 2000 {
		given := slices.Clone(sets[i%2])
		held.Replace(given...)
		given[0] = nil
	}
	close(end)
	users.Wait()
}

package client

import (
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A log with times that the reference's form of its state can not hold is
// remembered by its head alone.
func TestMarshalBefore1970(t *testing.T) {
	name, err := protocol.ParsePackageName("example:old")
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	v, err := newPackageView(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	record := protocol.PackageRecord{Time: protocol.TimeOf(time.Unix(-1, 0)), Entries: []protocol.PackageEntry{Init(key.Public())}}
	head, err := v.state.next(record.Sign(key))
	if err != nil {
		t.Fatal(err)
	}
	v.index, v.token = 7, "token"
	raw, err := v.marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := newPackageView(name, raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := again.head(); ok || again.token != "" || again.pass == nil || *again.pass != head || !again.known || again.knownIndex != 7 {
		t.Errorf("%s was read as %+v; want it read from the beginning, past its head", raw, again)
	}
}

// An operator log that is signed by another key than it begins with is valid by
// the protocol, and would let that key in past a pin.
func TestOperatorInitByAnother(t *testing.T) {
	owner, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	record := protocol.OperatorRecord{Entries: []protocol.OperatorEntry{
		{Type: protocol.EntryInit, Key: owner.Public()},
		{Type: protocol.EntryGrantFlat, Key: signer.Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}},
	}}
	envelope := record.Sign(signer)
	signed, err := protocol.ParseOperatorEnvelope(envelope)
	if err != nil {
		t.Fatal(err)
	}
	if err := new(protocol.OperatorLog).Validate(signed); err != nil {
		t.Fatalf("the protocol refuses it: %v", err)
	}
	if _, err := new(operatorChain).next(envelope); err == nil {
		t.Error("it was taken")
	}
}

package client

import (
	"errors"
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

// A package of a namespace that the operator log does not define is none that an
// honest registry has.
func TestUndefinedNamespace(t *testing.T) {
	name, err := protocol.ParsePackageName("undefined:package")
	if err != nil {
		t.Fatal(err)
	}
	c, err := New("http://127.0.0.1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	var lie *VerificationError
	if err := c.checkNamespace(name, new(operatorChain)); !errors.As(err, &lie) || lie.Claim != ClaimPackageLog {
		t.Errorf("it was taken: %v", err)
	}
}

// A key of the operator log that may not commit signs no checkpoint.
func TestSignerWithoutPermission(t *testing.T) {
	var key [3]protocol.PrivateKey // of the operator, one with commit, one without
	for i := range key {
		var err error
		if key[i], err = protocol.GeneratePrivateKey(); err != nil {
			t.Fatal(err)
		}
	}
	operator := new(operatorChain)
	record := protocol.OperatorRecord{Entries: []protocol.OperatorEntry{
		{Type: protocol.EntryInit, Key: key[0].Public()},
		{Type: protocol.EntryGrantFlat, Key: key[1].Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}},
		{Type: protocol.EntryGrantFlat, Key: key[2].Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionDefineNamespace}},
	}}
	if _, err := operator.next(record.Sign(key[0])); err != nil {
		t.Fatal(err)
	}
	c, err := New("http://127.0.0.1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, allowed := range []bool{true, true, false} {
		err := c.checkSignature(protocol.TimestampedCheckpoint{}.Sign(key[i]), operator)
		var lie *VerificationError
		if refused := errors.As(err, &lie) && lie.Claim == ClaimSignature; refused == allowed || err == nil != allowed {
			t.Errorf("key %d: %v; want it allowed: %v", i, err, allowed)
		}
	}
}

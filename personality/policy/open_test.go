package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// recordOfSize is a record by an author with so many bytes.
func recordOfSize(t *testing.T, by author, size int) protocol.Envelope {
	t.Helper()
	record := protocol.PackageRecord{Entries: []protocol.PackageEntry{initEntry(by), release("", digest)}}
	version := &record.Entries[1].Version
	*version = "1.0.0+" + strings.Repeat("a", size/2)
	*version += strings.Repeat("a", size-len(record.Encode()))
	envelope := record.Sign(by.PrivateKey)
	if len(envelope.Content) != size {
		t.Fatalf("the record has %d bytes", len(envelope.Content))
	}
	return envelope
}

func TestOpenRecord(t *testing.T) {
	alice := newAuthor(t)
	envelope := recordOfSize(t, alice, MaxRecordSize)
	opened, err := OpenRecord(envelope)
	if err != nil {
		t.Fatalf("a record of the largest size: %v", err)
	}
	if key, ok := opened.InitKey(); !ok || opened.VerifySignature(key) != nil {
		t.Errorf("its signature by %v, %v does not hold", key, ok)
	}

	var rejected *RejectionError
	envelope = recordOfSize(t, alice, MaxRecordSize+1)
	if _, err := OpenRecord(envelope); !errors.As(err, &rejected) || rejected.Reason != "the record has 262145 bytes, more than 262144" {
		t.Errorf("a record of one byte more: %v", err)
	}
	// Nothing in it is looked at.
	if _, err := OpenRecord(protocol.Envelope{Content: make([]byte, MaxRecordSize+1)}); !errors.As(err, &rejected) {
		t.Errorf("as many zeros: %v", err)
	}

	entries := []protocol.PackageEntry{initEntry(alice)}
	for i := range MaxEntries {
		entries = append(entries, yank(fmt.Sprintf("0.0.%d", i)))
	}
	most := protocol.PackageRecord{Entries: entries[:MaxEntries]}
	if _, err := OpenRecord(most.Sign(alice.PrivateKey)); err != nil {
		t.Errorf("a record of %d entries: %v", MaxEntries, err)
	}
	more := protocol.PackageRecord{Entries: entries}
	if _, err := OpenRecord(more.Sign(alice.PrivateKey)); !errors.As(err, &rejected) || rejected.Reason != "the record has 1001 entries, more than 1000" {
		t.Errorf("a record of one entry more: %v", err)
	}

	// What is no record is not refused by policy.
	bad := protocol.Envelope{Content: []byte{0xff}}
	_, want := protocol.ParsePackageEnvelope(bad)
	if _, err := OpenRecord(bad); err == nil || err.Error() != want.Error() {
		t.Errorf("no record: %v, want %v", err, want)
	}
}

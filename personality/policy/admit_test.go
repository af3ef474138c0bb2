package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// author signs records.
type author struct{ protocol.PrivateKey }

func newAuthor(t *testing.T) author {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return author{key}
}

// history is a package log with one more record each time.
type history struct {
	t       *testing.T
	log     protocol.PackageLog
	seconds int64
}

// next is a record behind the newest one.
func (h *history) next(by author, entries ...protocol.PackageEntry) *protocol.SignedPackageRecord {
	h.t.Helper()
	record := &protocol.PackageRecord{Time: protocol.Time{Seconds: h.seconds}, Entries: entries}
	if head, _, ok := h.log.Head(); ok {
		record.Prev = head.Any()
	}
	signed, err := protocol.ParsePackageEnvelope(record.Sign(by.PrivateKey))
	if err != nil {
		h.t.Fatal(err)
	}
	return signed
}

// accept adds a record that an honest author would write.
func (h *history) accept(by author, entries ...protocol.PackageEntry) {
	h.t.Helper()
	record := h.next(by, entries...)
	if err := Admit(&h.log, record); err != nil {
		h.t.Errorf("an honest record: %v", err)
	}
	if err := h.log.Validate(record); err != nil {
		h.t.Fatal(err)
	}
}

// refuse checks that the record is one that the protocol lets in, and that
// Admit does not.
func (h *history) refuse(record *protocol.SignedPackageRecord, want error, text string) {
	h.t.Helper()
	err := Admit(&h.log, record)
	if err == nil || fmt.Sprintf("%T", err) != fmt.Sprintf("%T", want) || !strings.Contains(err.Error(), text) {
		h.t.Errorf("Admit says %v, want a %T with %q", err, want, text)
	}
	if err := h.log.Validate(record); err != nil {
		h.t.Errorf("this is no hole, the protocol refuses it: %v", err)
	}
}

var digest = protocol.HashOf([]byte("content")).Any()

func initEntry(a author) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryInit, Key: a.Public()}
}

func grant(a author, permissions ...protocol.PackagePermission) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: a.Public(), Permissions: permissions}
}

func revoke(a author, permissions ...protocol.PackagePermission) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRevokeFlat, KeyID: a.Public().ID(), Permissions: permissions}
}

func release(version string, content protocol.AnyHash) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: content}
}

func yank(version string) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryYank, Version: version}
}

const (
	mayRelease = protocol.PermissionRelease
	mayYank    = protocol.PermissionYank
)

func TestAdmitHonestLog(t *testing.T) {
	alice, bob := newAuthor(t), newAuthor(t)
	h := &history{t: t}
	h.accept(alice, initEntry(alice), release("1.0.0", digest))
	h.accept(alice, grant(bob, mayYank))
	h.accept(bob, yank("1.0.0"))
	h.accept(bob, revoke(alice, mayYank))
	h.seconds = lastSecond
	h.accept(alice, release("1.1.0", digest), release("1.1.1", digest))
	h.accept(alice, revoke(alice, mayRelease)) // nobody can release any more: the owner's choice
}

func TestAdmitSigner(t *testing.T) {
	alice, mallory := newAuthor(t), newAuthor(t)
	h := &history{t: t}
	h.accept(alice, initEntry(alice))
	unauthorized := &UnauthorizedError{}
	h.refuse(h.next(mallory, grant(mallory)), unauthorized, string(mallory.Public().ID()))

	h = &history{t: t}
	h.accept(alice, initEntry(alice), grant(mallory, mayRelease, mayYank))
	h.accept(alice, revoke(mallory, mayRelease, mayYank))
	h.refuse(h.next(mallory), unauthorized, "no permission")
	h.refuse(h.next(mallory, revoke(alice)), unauthorized, "no permission")
	h.accept(alice, grant(mallory, mayYank))
	h.accept(mallory, revoke(mallory, mayYank)) // held when the record came
}

func TestAdmitContents(t *testing.T) {
	alice, bob := newAuthor(t), newAuthor(t)
	h := &history{t: t}
	h.accept(alice, initEntry(alice))
	rejected := &RejectionError{}
	h.refuse(h.next(alice), rejected, "no entries")
	h.refuse(h.next(alice, grant(bob)), rejected, "no permission")
	h.refuse(h.next(alice, revoke(bob)), rejected, "no permission")
	for version, content := range map[string]protocol.AnyHash{
		"1.0.0": "sha256:", "1.0.1": digest[:len(digest)-2], "1.0.2": digest + "00",
	} {
		h.refuse(h.next(alice, release("2"+version, digest), release(version, content)), rejected, version)
	}

	for _, seconds := range []int64{-1, lastSecond + 1} {
		h = &history{t: t, seconds: seconds}
		h.refuse(h.next(alice, initEntry(alice)), rejected, "1970")
	}
}

func TestAdmitSize(t *testing.T) {
	alice := newAuthor(t)
	entries := []protocol.PackageEntry{initEntry(alice)}
	for i := range MaxEntries {
		entries = append(entries, release(fmt.Sprintf("0.0.%d", i), digest))
	}
	(&history{t: t}).accept(alice, entries[:MaxEntries]...)
	(&history{t: t}).refuse((&history{t: t}).next(alice, entries...), &RejectionError{}, "1001 entries")

	long := release("1.0.0+"+strings.Repeat("a", MaxRecordSize), digest)
	(&history{t: t}).refuse((&history{t: t}).next(alice, initEntry(alice), long), &RejectionError{}, "bytes")
}

func TestAdmitKeys(t *testing.T) {
	alice, bob := newAuthor(t), newAuthor(t)
	h := &history{t: t}
	h.accept(alice, initEntry(alice), grant(bob, mayYank))
	const half = (MaxKeys - 2) / 2
	for range 2 {
		var grants []protocol.PackageEntry
		for range half {
			grants = append(grants, grant(newAuthor(t), mayYank))
		}
		h.accept(alice, grants...)
	}
	if n := h.log.KeyCount(); n != MaxKeys {
		t.Fatalf("%d keys", n)
	}
	// refuse adds the record to the log all the same: one with too many keys, as
	// there were before the limit.
	rejected := &RejectionError{}
	h.refuse(h.next(alice, grant(newAuthor(t), mayYank)), rejected, "the package would have 1001 keys, more than 1000")
	h.accept(alice, grant(bob, mayRelease), revoke(bob, mayYank))
	h.accept(bob, release("1.0.0", digest))
	h.accept(alice, revoke(bob, mayRelease)) // which makes no room: bob's key stays
	h.refuse(h.next(alice, release("1.1.0", digest), grant(newAuthor(t), mayYank), grant(newAuthor(t), mayYank)),
		rejected, "the package would have 1003 keys, more than 1000")

	// A key counts once, however often a record names it.
	h = &history{t: t}
	h.accept(alice, initEntry(alice), grant(alice, mayYank))
	many := []protocol.PackageEntry{}
	for range MaxEntries {
		many = append(many, grant(bob, mayYank))
	}
	h.accept(alice, many...)
}

// The keys of an init and of the grants behind it count together.
func TestAdmitKeysOfFirstRecord(t *testing.T) {
	alice := newAuthor(t)
	entries := []protocol.PackageEntry{initEntry(alice)}
	for range MaxEntries - 1 {
		entries = append(entries, grant(newAuthor(t), mayYank))
	}
	h := &history{t: t}
	h.accept(alice, entries...)
	if n := h.log.KeyCount(); n != MaxKeys {
		t.Errorf("%d keys", n)
	}
}

// What a version may have in bytes, to the byte.
func TestAdmitVersion(t *testing.T) {
	alice := newAuthor(t)
	h := &history{t: t}
	h.accept(alice, initEntry(alice))
	longest := "1.0.0+" + strings.Repeat("a", MaxVersion-len("1.0.0+"))
	h.refuse(h.next(alice, release(longest+"a", digest)), &RejectionError{}, "a version has 256 bytes, more than 255")
	h.accept(alice, release(longest, digest))
}

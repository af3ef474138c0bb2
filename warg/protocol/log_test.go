package protocol

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// testChain makes the records of one package log, all by one key.
type testChain struct {
	tb   testing.TB
	key  PrivateKey
	prev AnyHash
	time Time
}

func newTestChain(tb testing.TB) *testChain {
	return &testChain{tb: tb, key: testKey(tb), time: Time{Seconds: 1_700_000_000}}
}

// next signs a record with the given entries; the first has an init before them.
func (c *testChain) next(entries []PackageEntry) *SignedPackageRecord {
	c.tb.Helper()
	if c.prev == "" {
		entries = slices.Insert(entries, 0, PackageEntry{Type: EntryInit, Key: c.key.Public()})
	}
	record := PackageRecord{Prev: c.prev, Time: c.time, Entries: entries}
	signed, err := ParsePackageEnvelope(record.Sign(c.key))
	if err != nil {
		c.tb.Fatal(err)
	}
	c.prev = signed.ID.Any()
	c.time.Seconds++
	return signed
}

func release(version string) PackageEntry {
	return PackageEntry{Type: EntryRelease, Version: version, Content: HashOf([]byte(version)).Any()}
}

func TestFailedRecordLeavesNoTrace(t *testing.T) {
	// Enough of everything that the maps have an index.
	var log PackageLog
	chain := newTestChain(t)
	first := chain.next(nil)
	mustValidate(t, &log, first)
	var many []PackageEntry
	for i := range 3 * indexedFrom {
		many = append(many, release(fmt.Sprintf("%d.0.0", i)),
			PackageEntry{Type: EntryGrantFlat, Key: testKey(t).Public(), Permissions: []PackagePermission{PermissionYank}})
	}
	mustValidate(t, &log, chain.next(many))
	before := stateText(t, &log)
	id, at, _ := log.Head()

	stranger := testKey(t)
	granted := many[1].Key
	bad := chain.next([]PackageEntry{
		release("99.0.0"),
		{Type: EntryYank, Version: "3.0.0"},
		{Type: EntryYank, Version: "99.0.0"},
		{Type: EntryGrantFlat, Key: stranger.Public(), Permissions: []PackagePermission{PermissionRelease}},
		{Type: EntryGrantFlat, Key: granted, Permissions: []PackagePermission{PermissionRelease}},
		{Type: EntryRevokeFlat, KeyID: granted.ID(), Permissions: []PackagePermission{PermissionYank}},
		release("1.0.0"),
	})
	err := log.Validate(bad)
	var broken *ValidationError
	if !errors.As(err, &broken) || broken.Rule != ReleaseOfReleased {
		t.Fatalf("error is %v", err)
	}
	if after := stateText(t, &log); after != before {
		t.Errorf("state is\n%s, was\n%s", after, before)
	}
	if again, atAgain, _ := log.Head(); again != id || atAgain != at {
		t.Errorf("head is %v at %v", again, atAgain)
	}
	if _, ok := log.PublicKey(stranger.Public().ID()); ok {
		t.Error("a key of the refused record is known")
	}
	// The same log goes on as if nothing had been.
	chain.prev = id.Any()
	mustValidate(t, &log, chain.next([]PackageEntry{release("99.0.0")}))
	if _, ok := log.Release("99.0.0"); !ok {
		t.Error("a release is missing")
	}
}

func mustValidate(tb testing.TB, log *PackageLog, r *SignedPackageRecord) {
	tb.Helper()
	if err := log.Validate(r); err != nil {
		tb.Fatal(err)
	}
}

func stateText(t *testing.T, log *PackageLog) string {
	t.Helper()
	b, err := log.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A log validates the next record with its stored state and the one release that
// the record names.
func TestValidateWithoutOtherReleases(t *testing.T) {
	var log PackageLog
	chain := newTestChain(t)
	for i := range 50 {
		mustValidate(t, &log, chain.next([]PackageEntry{release(fmt.Sprintf("%d.0.0", i))}))
	}
	state, err := log.MarshalState()
	if err != nil {
		t.Fatal(err)
	}
	named, _ := log.Release("7.0.0")
	var stored PackageLog
	if err := stored.UnmarshalState(state); err != nil {
		t.Fatal(err)
	}
	stored.SetRelease(named)
	yank := chain.next([]PackageEntry{{Type: EntryYank, Version: "7.0.0"}, release("50.0.0")})
	mustValidate(t, &stored, yank)
	if got, _ := stored.Release("7.0.0"); got.Yank == nil || got.Content != "" {
		t.Errorf("release is %+v", got)
	}
	after, err := stored.MarshalState()
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(state) {
		t.Errorf("stored state grew from %d to %d bytes with a release", len(state), len(after))
	}
}

func TestVerdictIsRememberedPerKey(t *testing.T) {
	chain := newTestChain(t)
	r := chain.next(nil)
	other := testKey(t).Public()
	for _, c := range []struct {
		key  PublicKey
		want error
	}{{other, ErrSignature}, {chain.key.Public(), nil}, {chain.key.Public(), nil}, {other, ErrSignature}, {PublicKey{}, ErrSignature}} {
		if err := r.VerifySignature(c.key); err != c.want {
			t.Errorf("by %v: %v, want %v", c.key, err, c.want)
		}
	}
}

func TestContents(t *testing.T) {
	a, b := HashOf([]byte("a")).Any(), HashOf([]byte("b")).Any()
	r := PackageRecord{Entries: []PackageEntry{
		{Type: EntryRelease, Version: "1.0.0", Content: b},
		{Type: EntryYank, Version: "1.0.0"},
		{Type: EntryRelease, Version: "2.0.0", Content: a},
		{Type: EntryRelease, Version: "3.0.0", Content: b},
	}}
	if got := r.Contents(); !slices.Equal(got, []AnyHash{b, a}) {
		t.Errorf("contents are %v", got)
	}
}

// What a server does for each record that is published: decode and verify
// outside its transaction, validate and store the state inside.
func BenchmarkPublish(b *testing.B) {
	var log PackageLog
	chain := newTestChain(b)
	mustValidate(b, &log, chain.next(nil))
	state, err := log.MarshalState()
	if err != nil {
		b.Fatal(err)
	}
	body, err := chain.next([]PackageEntry{release("1.0.0")}).Envelope.MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			decodeBody(b, body)
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		r := decodeBody(b, body)
		for b.Loop() {
			if !chain.key.Public().Verify(PackageRecordSignature, r.Envelope.Content, r.Envelope.Signature) {
				b.Fatal("signature does not hold")
			}
		}
	})
	r := decodeBody(b, body)
	if err := r.VerifySignature(chain.key.Public()); err != nil {
		b.Fatal(err)
	}
	b.Run("validate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var stored PackageLog
			if err := stored.UnmarshalState(state); err != nil {
				b.Fatal(err)
			}
			mustValidate(b, &stored, r)
			if _, err := stored.MarshalState(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func decodeBody(b *testing.B, body []byte) *SignedPackageRecord {
	var env Envelope
	if err := env.UnmarshalJSON(body); err != nil {
		b.Fatal(err)
	}
	r, err := ParsePackageEnvelope(env)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

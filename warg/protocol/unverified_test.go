package protocol

import (
	"fmt"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// checkOpened holds the two stages of decoding an envelope against the one, whose
// outcome is given.
func checkOpened(t *testing.T, env Envelope, want *SignedPackageRecord, wantErr error) {
	t.Helper()
	opened, err := OpenPackageEnvelope(env)
	var got *SignedPackageRecord
	if err == nil {
		got, err = opened.Decode()
	}
	if fmt.Sprint(err) != fmt.Sprint(wantErr) || !reflect.DeepEqual(got, want) {
		t.Errorf("in two stages: %+v, error %v, in one: %+v, error %v", got, err, want, wantErr)
	}
	if err != nil {
		return
	}
	entries := want.Record.Entries
	key, ok := opened.InitKey()
	if isInit := len(entries) > 0 && entries[0].Type == EntryInit; ok != isInit || ok && !key.Equal(entries[0].Key) {
		t.Errorf("key of the init is %v, %v, entries are %+v", key, ok, entries)
	}
	if opened.EntryCount() != len(entries) || opened.Size() != len(env.Content) ||
		opened.Prev() != want.Record.Prev || opened.Time() != want.Record.Time {
		t.Errorf("opened: %d entries, %d bytes, prev %q, time %v; decoded: %+v",
			opened.EntryCount(), opened.Size(), opened.Prev(), opened.Time(), want.Record)
	}
}

// badGrant is a grant to a key that is no point of the curve.
func badGrant() []byte {
	return appendEntry(nil, packageGrant, appendText(nil, 1, "ecdsa-p256:AgAA"))
}

func TestOpenDoesNotDecodeKeys(t *testing.T) {
	key := testKey(t)
	record := PackageRecord{Entries: []PackageEntry{{Type: EntryInit, Key: key.Public()}}}
	env := signEnvelope(key, PackageRecordSignature, append(record.Encode(), badGrant()...))
	opened, err := OpenPackageEnvelope(env)
	if err != nil {
		t.Fatal(err)
	}
	if opened.EntryCount() != 2 || opened.KeyID() != key.Public().ID() || !equalEnvelopes(opened.Envelope(), env) {
		t.Errorf("opened %d entries by %s: %+v", opened.EntryCount(), opened.KeyID(), opened.Envelope())
	}
	signer, ok := opened.InitKey()
	if !ok || opened.VerifySignature(signer) != nil {
		t.Errorf("the signature of %v, %v does not hold", signer, ok)
	}
	if err := opened.VerifySignature(testKey(t).Public()); err != ErrSignature {
		t.Errorf("by another key: %v", err)
	}
	_, want := ParsePackageEnvelope(env)
	if _, err := opened.Decode(); err == nil || want == nil || err.Error() != want.Error() {
		t.Errorf("decoded: %v, want %v", err, want)
	}
}

// What can be said without the other entries is said on opening.
func TestOpenRefuses(t *testing.T) {
	header := appendRecordHeader(nil, "", 0, Time{Seconds: 1})
	badInit := appendEntry(nil, packageInit, appendText(appendText(nil, 1, "ecdsa-p256:AgAA"), 2, hashAlgorithm))
	for name, content := range map[string][]byte{
		"no time":         nil,
		"bad prev":        appendRecordHeader(nil, "x", 0, Time{}),
		"key of the init": append(header, badInit...),
		"damage at the end": append(append(append([]byte{}, header...), badGrant()...),
			protowire.AppendTag(nil, 4, protowire.VarintType)...),
	} {
		_, want := ParsePackageEnvelope(Envelope{Content: content})
		if _, err := OpenPackageEnvelope(Envelope{Content: content}); err == nil || want == nil || err.Error() != want.Error() {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

func TestVerdictGoesOnToTheDecodedRecord(t *testing.T) {
	chain := newTestChain(t)
	opened, err := OpenPackageEnvelope(chain.next(nil).Envelope)
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.VerifySignature(chain.key.Public()); err != nil {
		t.Fatal(err)
	}
	signed, err := opened.Decode()
	if err != nil {
		t.Fatal(err)
	}
	// The verdict is about the key, so it is found to hold without the content.
	signed.Envelope.Content = nil
	if err := signed.VerifySignature(chain.key.Public()); err != nil {
		t.Errorf("the signature was verified again: %v", err)
	}
	if err := signed.VerifySignature(testKey(t).Public()); err != ErrSignature {
		t.Errorf("by another key: %v", err)
	}
}

// Refusing a record for its signature, the log knowing the key that it names.
func BenchmarkRefuseSignature(b *testing.B) {
	log, chain := logWithKeys(b, 1000)
	state, err := log.MarshalState()
	if err != nil {
		b.Fatal(err)
	}
	key := testKey(b)
	for _, n := range []int{1, 2400} { // the latter has 256 KiB
		record := PackageRecord{Prev: chain.prev, Time: chain.time}
		for range n {
			record.Entries = append(record.Entries, PackageEntry{
				Type: EntryGrantFlat, Key: key.Public(), Permissions: []PackagePermission{PermissionYank},
			})
		}
		env := record.Sign(key)
		env.KeyID = chain.key.Public().ID()
		b.Run(fmt.Sprintf("%d grants", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				opened, err := OpenPackageEnvelope(env)
				if err != nil {
					b.Fatal(err)
				}
				known, ok, err := StateKey(state, opened.KeyID())
				if err != nil || !ok || opened.VerifySignature(known) != ErrSignature {
					b.Fatal(ok, err)
				}
			}
		})
		b.Run(fmt.Sprintf("decode %d grants", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := ParsePackageEnvelope(env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

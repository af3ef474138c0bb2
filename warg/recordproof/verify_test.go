package recordproof_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

const packageName = "example:hello"

var content = []byte("the content of 1.0.0")

// registry has a package with three releases and others around it.
func registry(t testing.TB) *tlogtest.Registry {
	r := tlogtest.New(t)
	r.Init("example:other")
	r.Init(packageName)
	r.Release("example:other", "1.0.0", []byte("other"))
	r.Release(packageName, "1.0.0", content)
	r.Release(packageName, "2.0.0", []byte("second"))
	r.Release("example:other", "2.0.0", []byte("another"))
	return r
}

// make makes the proof of the nth record of the package.
func makeProof(t testing.TB, r *tlogtest.Registry, n int) tlog.Proof {
	t.Helper()
	var envelopes [][]byte
	indexes := r.Records(packageName)[:n+1]
	for _, i := range indexes {
		envelopes = append(envelopes, r.Envelope(i))
	}
	index, size := indexes[n], r.Size(tlog.Records)
	p, err := recordproof.Make(name(t, packageName), envelopes, uint64(index), r.Path(tlog.Records, index), r.Note(tlog.Records, size))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func name(t testing.TB, text string) protocol.PackageName {
	t.Helper()
	n, err := protocol.ParsePackageName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func verifiers(t testing.TB, vkeys ...string) []note.Verifier {
	t.Helper()
	var all []note.Verifier
	for _, vkey := range vkeys {
		v, err := tlog.NewVerifier(vkey)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func options(t testing.TB, r *tlogtest.Registry) recordproof.Options {
	return recordproof.Options{Logs: verifiers(t, r.Keys[tlog.Records].VKeys()...)}
}

func TestVerify(t *testing.T) {
	r := registry(t)
	text := makeProof(t, r, 1).Encode()
	got, err := recordproof.Verify(text, protocol.HashOf(content), options(t, r))
	if err != nil {
		t.Fatal(err)
	}
	index := r.Records(packageName)[1]
	if got.Name.String() != packageName || len(got.Versions) != 1 || got.Versions[0] != "1.0.0" || got.Index != uint64(index) || got.Records != 2 {
		t.Errorf("%+v", got)
	}
	if got.Signer != r.Author.Public().ID() || got.FirstKey != got.Signer || got.Head != r.Head(tlog.Records, r.Size(tlog.Records)) {
		t.Errorf("%+v", got)
	}
	if said := strings.Join(got.Proved(), "\n"); !strings.Contains(said, "released as example:hello 1.0.0.") || !strings.Contains(said, string(got.Signer)) {
		t.Error(said)
	}
	if said := strings.Join(got.NotProved(), "\n"); !strings.Contains(said, "not yanked") {
		t.Error(said)
	}
	// Whoever knows no warg at all still reads the proof, and finds the leaf in it.
	var theirs proof.TLogProof
	if err := theirs.Unmarshal(text); err != nil || theirs.Index != uint64(index) {
		t.Errorf("package formats: %+v, %v", theirs.Index, err)
	}
}

func TestVerifyExpects(t *testing.T) {
	r := registry(t)
	text := makeProof(t, r, 1).Encode()
	digest := protocol.HashOf(content)
	o := options(t, r)
	o.Name, o.Version = name(t, packageName), "1.0.0"
	if _, err := recordproof.Verify(text, digest, o); err != nil {
		t.Error(err)
	}
	o.Version = "2.0.0"
	if _, err := recordproof.Verify(text, digest, o); !errors.Is(err, recordproof.ErrOtherRelease) {
		t.Errorf("another version: %v", err)
	}
	o.Name, o.Version = name(t, "example:other"), ""
	if _, err := recordproof.Verify(text, digest, o); !errors.Is(err, recordproof.ErrOtherRelease) {
		t.Errorf("another package: %v", err)
	}
	if _, err := recordproof.Verify(text, protocol.HashOf([]byte("second")), options(t, r)); !errors.Is(err, recordproof.ErrOtherContent) {
		t.Errorf("content of a later version: %v", err)
	}
}

// Two versions may be of one content, in one record, and one of them may be yanked at
// once.
func TestVerifyVersions(t *testing.T) {
	r := tlogtest.New(t)
	r.Init(packageName)
	digest := protocol.HashOf(content)
	release := func(version string) protocol.PackageEntry {
		return protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: digest.Any()}
	}
	yank := func(version string) protocol.PackageEntry {
		return protocol.PackageEntry{Type: protocol.EntryYank, Version: version}
	}
	r.Append(packageName, r.Next(packageName, nil, release("1.0.0"), release("1.0.1"), release("1.0.2"), yank("1.0.1")))
	r.Append(packageName, r.Next(packageName, nil, release("2.0.0"), yank("2.0.0")))
	got, err := recordproof.Verify(makeProof(t, r, 1).Encode(), digest, options(t, r))
	if err != nil || strings.Join(got.Versions, " ") != "1.0.0 1.0.2" {
		t.Errorf("%q, %v", got.Versions, err)
	}
	o := options(t, r)
	o.Version = "1.0.2"
	if got, err := recordproof.Verify(makeProof(t, r, 1).Encode(), digest, o); err != nil || strings.Join(got.Versions, " ") != "1.0.2" {
		t.Errorf("%q, %v", got.Versions, err)
	}
	if _, err := recordproof.Verify(makeProof(t, r, 2).Encode(), digest, options(t, r)); err == nil || !strings.Contains(err.Error(), "yanks it") {
		t.Errorf("a release that is yanked at once: %v", err)
	}
}

// The release may stand behind other entries, in the record that begins the package.
func TestVerifyFirstRecord(t *testing.T) {
	r := tlogtest.New(t)
	r.Append(packageName, r.Next(packageName, nil,
		protocol.PackageEntry{Type: protocol.EntryInit, Key: r.Author.Public()},
		protocol.PackageEntry{Type: protocol.EntryRelease, Version: "0.1.0", Content: protocol.HashOf([]byte("other")).Any()},
		protocol.PackageEntry{Type: protocol.EntryRelease, Version: "1.0.0", Content: protocol.HashOf(content).Any()}))
	text := makeProof(t, r, 0).Encode()
	got, err := recordproof.Verify(text, protocol.HashOf(content), options(t, r))
	if err != nil || got.Records != 1 || strings.Join(got.Versions, " ") != "1.0.0" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = recordproof.Verify(text, protocol.HashOf([]byte("none")), options(t, r))
	if !errors.Is(err, recordproof.ErrOtherContent) || !strings.Contains(err.Error(), " and 1 others") {
		t.Error(err)
	}
	r.Yank(packageName, "0.1.0")
	if _, err = recordproof.Verify(makeProof(t, r, 1).Encode(), protocol.HashOf(content), options(t, r)); !errors.Is(err, recordproof.ErrOtherContent) || !strings.Contains(err.Error(), "releases nothing") {
		t.Errorf("a record without a release: %v", err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	r := registry(t)
	good := makeProof(t, r, 1)
	digest := protocol.HashOf(content)
	stranger := tlogtest.NoteKey(t, tlog.Records.Origin(tlogtest.Origin))
	strangers, err := stranger.Sign(r.Head(tlog.Records, r.Size(tlog.Records)))
	if err != nil {
		t.Fatal(err)
	}
	records, err := tlog.ParseEnvelopes(good.Extra, 2)
	if err != nil {
		t.Fatal(err)
	}
	extra := func(of ...tlog.NamedEnvelope) func(*tlog.Proof) {
		return func(p *tlog.Proof) { p.Extra = tlog.EncodeEnvelopes(of) }
	}
	renamed := func(name string, of ...tlog.NamedEnvelope) []tlog.NamedEnvelope {
		var all []tlog.NamedEnvelope
		for _, e := range of {
			all = append(all, tlog.NamedEnvelope{Name: name, Envelope: e.Envelope})
		}
		return all
	}
	for what, test := range map[string]struct {
		change func(*tlog.Proof)
		want   error
	}{
		"a stranger's note":        {func(p *tlog.Proof) { p.Note = strangers }, recordproof.ErrNote},
		"a damaged note":           {func(p *tlog.Proof) { p.Note = bytes.Replace(p.Note, []byte("\n7\n"), []byte("\n8\n"), 1) }, recordproof.ErrNote},
		"the other log's note":     {func(p *tlog.Proof) { p.Note = r.Note(tlog.Checkpoints, 0) }, recordproof.ErrNote},
		"an earlier note":          {func(p *tlog.Proof) { p.Note = r.Note(tlog.Records, 4) }, recordproof.ErrNotIncluded},
		"another index":            {func(p *tlog.Proof) { p.Index++ }, recordproof.ErrNotIncluded},
		"a longer path":            {func(p *tlog.Proof) { p.Path = append(p.Path, protocol.Hash{}) }, recordproof.ErrNotIncluded},
		"no extra":                 {func(p *tlog.Proof) { p.Extra = nil }, recordproof.ErrMalformed},
		"cut extra":                {func(p *tlog.Proof) { p.Extra = p.Extra[:len(p.Extra)-1] }, recordproof.ErrMalformed},
		"no package":               {extra(renamed("", records...)...), recordproof.ErrMalformed},
		"two packages":             {extra(renamed("example:other", records[0])[0], records[1]), recordproof.ErrMalformed},
		"another package":          {extra(renamed("example:other", records...)...), recordproof.ErrNotIncluded},
		"no first record":          {extra(records[1]), recordproof.ErrInvalidRecords},
		"the first record alone":   {extra(records[0]), recordproof.ErrNotIncluded},
		"a record twice":           {extra(records[0], records[0], records[1]), recordproof.ErrInvalidRecords},
		"a record of the operator": {extra(records[0], tlog.NamedEnvelope{Name: packageName, Envelope: r.Envelope(0)}), recordproof.ErrMalformed},
	} {
		p := good
		p.Path = append([]protocol.Hash(nil), good.Path...)
		test.change(&p)
		got, err := recordproof.Verify(p.Encode(), digest, options(t, r))
		if !errors.Is(err, test.want) || got.Records != 0 {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
	if _, err := recordproof.Verify(good.Encode(), digest, recordproof.Options{}); !errors.Is(err, recordproof.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := recordproof.Verify(make([]byte, recordproof.MaxProof+1), digest, options(t, r)); !errors.Is(err, recordproof.ErrMalformed) {
		t.Errorf("a proof that is too long: %v", err)
	}
}

// A registry can log what it likes, but records that break the rules prove nothing: a
// release by a stranger, or by a key whose permission was taken away.
func TestVerifyRules(t *testing.T) {
	release := protocol.PackageEntry{Type: protocol.EntryRelease, Version: "1.0.0", Content: protocol.HashOf(content).Any()}
	stranger, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	grant := protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: stranger.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionRelease}}
	revoke := protocol.PackageEntry{Type: protocol.EntryRevokeFlat, KeyID: stranger.Public().ID(), Permissions: grant.Permissions}
	for what, test := range map[string]struct {
		before []protocol.PackageEntry
		valid  bool
	}{
		"a stranger's":    {nil, false},
		"a granted key's": {[]protocol.PackageEntry{grant}, true},
		"a revoked key's": {[]protocol.PackageEntry{grant, revoke}, false},
	} {
		r := tlogtest.New(t)
		r.Init(packageName)
		for _, e := range test.before {
			r.Append(packageName, r.Next(packageName, nil, e))
		}
		r.Append(packageName, r.Next(packageName, &stranger, release))
		got, err := recordproof.Verify(makeProof(t, r, len(test.before)+1).Encode(), protocol.HashOf(content), options(t, r))
		if test.valid && (err != nil || got.Signer != stranger.Public().ID()) || !test.valid && !errors.Is(err, recordproof.ErrInvalidRecords) {
			t.Errorf("%s release: %v", what, err)
		}
	}
}

func TestClaimedDigest(t *testing.T) {
	text := makeProof(t, registry(t), 1).Encode()
	if got, err := recordproof.ClaimedDigest(text, "1.0.0"); err != nil || got != protocol.HashOf(content) {
		t.Error(got, err)
	}
	if _, err := recordproof.ClaimedDigest(text, "2.0.0"); !errors.Is(err, recordproof.ErrOtherRelease) {
		t.Error(err)
	}
	for _, bad := range [][]byte{nil, text[:len(text)/2], tlog.Proof{Extra: []byte("x"), Note: []byte("x")}.Encode(), make([]byte, recordproof.MaxProof+1)} {
		if _, err := recordproof.ClaimedDigest(bad, "1.0.0"); !errors.Is(err, recordproof.ErrMalformed) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

func TestMakeBounds(t *testing.T) {
	n := name(t, packageName)
	if _, err := recordproof.Make(n, nil, 0, nil, nil); err == nil {
		t.Error("a proof without records is made")
	}
	if _, err := recordproof.Make(n, make([][]byte, recordproof.MaxRecords+1), 0, nil, nil); err == nil {
		t.Error("a proof with too many records is made")
	}
	large := bytes.Repeat([]byte("x"), 1<<20)
	var many [][]byte
	for range 47 {
		many = append(many, large)
	}
	p, err := recordproof.Make(n, many, 0, make([]protocol.Hash, 64), []byte("note"))
	if err != nil || len(p.Encode()) > recordproof.MaxProof {
		t.Errorf("a large proof: %v", err)
	}
	if _, err := recordproof.Make(n, append(many, large), 0, nil, []byte("note")); err == nil {
		t.Error("a proof that nobody would read is made")
	}
}

func FuzzVerify(f *testing.F) {
	r := registry(f)
	o := options(f, r)
	good := makeProof(f, r, 1)
	f.Add(good.Encode())
	f.Add(good.Extra)
	digest := protocol.HashOf(content)
	want, err := recordproof.Verify(good.Encode(), digest, o)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		changed := good
		changed.Extra = data
		for _, text := range [][]byte{data, changed.Encode()} {
			if got, err := recordproof.Verify(text, digest, o); err == nil && got.RecordID != want.RecordID {
				t.Errorf("another record is proved: %+v", got)
			}
		}
	})
}

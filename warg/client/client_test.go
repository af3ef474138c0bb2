package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A package goes through all that can be published, and another client, which
// begins with nothing, reads the same.
func TestPublishAndRead(t *testing.T) {
	r := sharedRegistry(t)
	author, n := r.client(t, client.Options{}), name(t, "example:life")
	key, helper := newKey(t), newKey(t)
	first, second := client.ContentOfBytes([]byte("first")), client.ContentOfBytes([]byte("second"))

	publish(t, author, n, key, []client.Content{first, second},
		client.Init(key.Public()), client.Release("1.0.0", first.Digest), client.Release("1.1.0", second.Digest))
	publish(t, author, n, key, nil, client.Grant(helper.Public(), protocol.PermissionYank))
	publish(t, author, n, helper, nil, client.Yank("1.1.0"))
	written := publish(t, author, n, key, nil, client.Revoke(helper.Public().ID(), protocol.PermissionYank))

	read, err := r.client(t, client.Options{}).Package(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if read.Head != written.Head || read.HeadIndex != written.HeadIndex {
		t.Errorf("the reader sees head %s at %d, the author %s at %d", read.Head, read.HeadIndex, written.Head, written.HeadIndex)
	}
	for _, p := range []*client.Package{written, read} {
		checkLife(t, p, first, key, helper)
	}
}

func checkLife(t *testing.T, p *client.Package, first client.Content, key, helper protocol.PrivateKey) {
	t.Helper()
	var versions []string
	for release := range p.Releases() {
		versions = append(versions, release.Version)
	}
	if want := []string{"1.0.0", "1.1.0"}; !slices.Equal(versions, want) {
		t.Errorf("releases %v, want %v", versions, want)
	}
	yanked, ok := p.Release("1.1.0")
	if !ok || yanked.Yank == nil || yanked.Yank.By != helper.Public().ID() {
		t.Errorf("1.1.0 is %+v, want it yanked by the helper", yanked)
	}
	if best, err := p.Resolve("^1"); err != nil || best.Version != "1.0.0" || best.Content != first.Digest.Any() {
		t.Errorf("^1 is %+v, %v; want 1.0.0", best, err)
	}
	if missing := as[*client.NoReleaseError](t, second(p.Resolve("^2"))); missing.Requirement != "^2" {
		t.Errorf("missing is %+v", missing)
	}
	keys := maps.Collect(p.Keys())
	owner, former := keys[key.Public().ID()], keys[helper.Public().ID()]
	if len(keys) != 2 || !owner.Public.Equal(key.Public()) || len(owner.Permissions) != 2 || !former.Public.Equal(helper.Public()) || len(former.Permissions) != 0 {
		t.Errorf("keys are %+v", keys)
	}
}

func second[A any](_ A, err error) error { return err }

// pageRecords is how many records of a log one answer has at most.
const pageRecords = 1000

// Drafts sign records that stand on each other before any is published. The log
// is longer than an answer may be.
func TestChainAndPages(t *testing.T) {
	r := sharedRegistry(t)
	c, n, key := r.client(t, client.Options{}), name(t, "example:chain"), newKey(t)
	draft, err := c.Draft(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	var last *client.Record
	for i := range pageRecords + 2 {
		entry := client.Init(key.Public())
		if i > 0 {
			entry = client.Grant(key.Public(), protocol.PermissionYank)
		}
		if last, err = draft.Sign(key, entry); err != nil {
			t.Fatal(err)
		}
		if err := c.Post(t.Context(), last); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	if _, err := c.Wait(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	p, err := r.client(t, client.Options{}).Package(t.Context(), n)
	if err != nil || p.Head != last.ID {
		t.Errorf("read %+v, %v; want head %s", p, err, last.ID)
	}
}

// A client goes on from what its store remembers, in a new process too, and
// does not fetch it again.
func TestRemember(t *testing.T) {
	r := sharedRegistry(t)
	dir, n, key := filepath.Join(t.TempDir(), "made"), name(t, "example:remember"), newKey(t)
	open := func(url string) *client.Client {
		store, err := client.OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		return newClient(t, url, client.Options{Store: store})
	}
	before := publish(t, open(r.url), n, key, nil, client.Init(key.Public()))
	publish(t, r.client(t, client.Options{}), n, key, nil, client.Grant(key.Public(), protocol.PermissionYank))

	var fetched api.FetchLogsResponse
	front := lie(t, r, func(path string, _, body []byte) []byte {
		if path == api.FetchLogsPath {
			fetched = decode[api.FetchLogsResponse](t, body)
		}
		return body
	})
	again := open(front)
	if known, ok, err := again.Remembered(t.Context()); err != nil || !ok || known.Contents.LogLength < before.Checkpoint.Contents.LogLength {
		t.Errorf("remembered %+v, %v, %v", known, ok, err)
	}
	after, err := again.Package(t.Context(), n)
	if err != nil || after.Head == before.Head {
		t.Fatalf("read %+v, %v", after, err)
	}
	if len(fetched.Operator) != 0 || len(fetched.Packages) != 1 || len(fetched.Packages[0].Value) != 1 {
		t.Errorf("the registry gave %+v, want the one record that is new", fetched)
	}
	for file, mode := range map[string]os.FileMode{
		"": 0o755, "checkpoint.json": 0o600, "operator.json": 0o600, "package/example": 0o755, "package/example/remember.json": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v; want mode %v", file, info, err, mode)
		}
	}
}

// What is remembered of a log may lack its state, which then is read from the
// beginning, and must have the head that is remembered.
func TestRememberWithoutState(t *testing.T) {
	r := sharedRegistry(t)
	store := new(client.MemoryStore)
	c, n, key := r.client(t, client.Options{Store: store}), name(t, "example:stateless"), newKey(t)
	publish(t, c, n, key, nil, client.Init(key.Public()))
	want := publish(t, c, n, key, nil, client.Grant(key.Public(), protocol.PermissionYank))

	edit(t, store, "package/example/stateless", func(v map[string]any) { delete(v, "state") })
	if got, err := c.Package(t.Context(), n); err != nil || got.Head != want.Head {
		t.Errorf("read %+v, %v; want head %s", got, err, want.Head)
	}
	edit(t, store, "package/example/stateless", func(v map[string]any) { v["head"] = protocol.HashOf().String() })
	_, err := c.Package(t.Context(), n)
	refused(t, err, client.ClaimPackageLog)
}

// A store that is damaged is not taken for a registry that lies.
func TestDamagedStore(t *testing.T) {
	r := sharedRegistry(t)
	for value, damage := range map[string]func(map[string]any){
		"checkpoint":              func(v map[string]any) { delete(v, "contents") },
		"operator":                func(v map[string]any) { delete(v, "firstKey") },
		"package/example/damaged": func(v map[string]any) { v["head"] = protocol.HashOf().String() },
	} {
		store := new(client.MemoryStore)
		c, n, key := r.client(t, client.Options{Store: store}), name(t, "example:damaged"), newKey(t)
		if _, err := c.Package(t.Context(), n); err != nil {
			publish(t, c, n, key, nil, client.Init(key.Public()))
		}
		edit(t, store, value, damage)
		_, err := c.Package(t.Context(), n)
		if damaged := as[*client.StoreError](t, err); damaged.Name != value {
			t.Errorf("damaged is %q, want %q", damaged.Name, value)
		}
	}
}

// edit changes a value of a store.
func edit(t *testing.T, store client.Store, name string, change func(map[string]any)) {
	t.Helper()
	old, err := store.Read(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	var value map[string]any
	decoder := json.NewDecoder(bytes.NewReader(old))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	change(value)
	changed, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Replace(t.Context(), name, old, changed); err != nil {
		t.Fatal(err)
	}
}

func TestNotFound(t *testing.T) {
	r := sharedRegistry(t)
	c := r.client(t, client.Options{})
	_, err := c.Package(t.Context(), name(t, "example:nothing"))
	if missing := as[*client.NotFoundError](t, err); missing.UndefinedNamespace {
		t.Errorf("missing is %+v, want a namespace that is defined", missing)
	}
	_, err = c.Resolve(t.Context(), name(t, "unknown:nothing"), "*")
	if missing := as[*client.NotFoundError](t, err); !missing.UndefinedNamespace {
		t.Errorf("missing is %+v, want an undefined namespace", missing)
	}
	_, err = c.Draft(t.Context(), name(t, "unknown:nothing"))
	as[*client.NotFoundError](t, err)
	_, err = c.OpenContent(t.Context(), protocol.HashOf([]byte("nowhere")))
	if missing := as[*api.ContentError](t, err); missing.Variant != api.ContentDigestNotFound {
		t.Errorf("missing is %+v", missing)
	}
}

func TestImportedNamespace(t *testing.T) {
	r := sharedRegistry(t)
	c, key := r.client(t, client.Options{}), newKey(t)
	_, read := c.Package(t.Context(), name(t, "elsewhere:tool"))
	_, published := c.Publish(t.Context(), name(t, "elsewhere:tool"), key, nil, client.Init(key.Public()))
	for _, err := range []error{read, published} {
		if imported := as[*client.ImportedNamespaceError](t, err); imported.Namespace != "elsewhere" || imported.Registry != "registry.example.org" {
			t.Errorf("imported is %+v", imported)
		}
	}
}

func TestOperator(t *testing.T) {
	r := sharedRegistry(t)
	o, err := r.client(t, client.Options{}).Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var namespaces []string
	for ns := range o.Namespaces() {
		namespaces = append(namespaces, ns.Name)
	}
	if want := []string{"example", "other", "elsewhere"}; !slices.Equal(namespaces, want) {
		t.Errorf("namespaces %v, want %v", namespaces, want)
	}
	if ns, ok := o.Namespace("elsewhere"); !ok || !ns.Imported {
		t.Errorf("elsewhere is %+v", ns)
	}
	keys := maps.Collect(o.Keys())
	if k := keys[r.key.Public().ID()]; !o.Key.Equal(r.key.Public()) || len(keys) != 1 || len(k.Permissions) != 3 {
		t.Errorf("first key %s, keys %+v", o.Key, keys)
	}
}

func TestPackageNames(t *testing.T) {
	r := sharedRegistry(t)
	c, n, key := r.client(t, client.Options{}), name(t, "example:named"), newKey(t)
	publish(t, c, n, key, nil, client.Init(key.Public()))
	got, err := c.PackageNames(t.Context(), n.LogID(), name(t, "example:nobody").LogID())
	if want := map[protocol.Hash]protocol.PackageName{n.LogID(): n}; err != nil || !maps.Equal(got, want) {
		t.Errorf("names %v, %v; want %v", got, err, want)
	}
}

// A record that breaks a rule is not sent.
func TestSignInvalid(t *testing.T) {
	r := sharedRegistry(t)
	c, key := r.client(t, client.Options{}), newKey(t)
	draft, err := c.Draft(t.Context(), name(t, "example:invalid"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := draft.Sign(key, client.Yank("1.0.0")); as[*protocol.ValidationError](t, err).Rule != protocol.UnauthorizedAction {
		t.Errorf("a yank by a stranger: %v", err)
	}
	if _, err := draft.Sign(key, client.Init(key.Public()), client.Release("one", protocol.Hash{})); err == nil || !strings.Contains(err.Error(), `"one"`) {
		t.Errorf("a version that is none: %v", err)
	}
	if _, err := draft.Sign(key, client.Init(key.Public())); err != nil {
		t.Errorf("after refusals the draft is not as it was: %v", err)
	}
}

// Three drafts on one head: those that come too late are told which record won,
// the one that was accepted and waited for its content too.
func TestConflict(t *testing.T) {
	r := sharedRegistry(t)
	c, n, key := r.client(t, client.Options{}), name(t, "example:conflict"), newKey(t)
	content := client.ContentOfBytes([]byte("a content that comes after the conflict"))
	sign := func(entries ...protocol.PackageEntry) *client.Record {
		draft, err := c.Draft(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		record, err := draft.Sign(key, entries...)
		if err != nil {
			t.Fatal(err)
		}
		return record
	}
	waiting := sign(client.Init(key.Public()), client.Release("1.0.0", content.Digest))
	late := sign(client.Init(key.Public()), client.Release("2.0.0", content.Digest))
	winner := sign(client.Init(key.Public()))
	as[*client.MissingContentError](t, c.Post(t.Context(), waiting))
	if err := c.Post(t.Context(), winner); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(t.Context(), winner); err != nil {
		t.Fatal(err)
	}
	_, waited := c.Wait(t.Context(), waiting)
	for _, err := range []error{waited, c.Post(t.Context(), waiting, content), c.Post(t.Context(), late, content)} {
		if conflict := as[*client.ConflictError](t, err); conflict.Other != winner.ID.Any() {
			t.Errorf("conflict with %s, want %s: %v", conflict.Other, winner.ID, err)
		}
		as[*client.RejectedError](t, err)
	}
}

// A record whose content is not given is accepted and waits. It is posted again
// with it.
func TestMissingContent(t *testing.T) {
	r := sharedRegistry(t)
	c, n, key := r.client(t, client.Options{}), name(t, "example:missing"), newKey(t)
	content, err := client.ContentOf(strings.NewReader("missing at first"))
	if err != nil {
		t.Fatal(err)
	}
	draft, err := c.Draft(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	record, err := draft.Sign(key, client.Init(key.Public()), client.Release("1.0.0", content.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if missing := as[*client.MissingContentError](t, c.Post(t.Context(), record)); missing.Digest != content.Digest.Any() {
		t.Errorf("missing is %+v", missing)
	}
	if err := c.Post(t.Context(), record, content); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if n, err := c.DownloadTo(t.Context(), content.Digest, &got); err != nil || n != content.Size || got.String() != "missing at first" {
		t.Errorf("downloaded %q (%d), %v", got.String(), n, err)
	}
}

func TestDownloadFile(t *testing.T) {
	r := sharedRegistry(t)
	c, n, key := r.client(t, client.Options{}), name(t, "example:file"), newKey(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	if err := os.WriteFile(source, bytes.Repeat([]byte("0123456789abcdef"), 10_000), 0o600); err != nil {
		t.Fatal(err)
	}
	content, err := client.ContentOfFile(source)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, c, n, key, []client.Content{content}, client.Init(key.Public()), client.Release("1.0.0", content.Digest))
	target := filepath.Join(dir, "target")
	if err := c.DownloadFile(t.Context(), content.Digest, target); err != nil {
		t.Fatal(err)
	}
	want, _ := os.ReadFile(source)
	if got, err := os.ReadFile(target); err != nil || !bytes.Equal(got, want) {
		t.Errorf("downloaded %d bytes, %v; want %d", len(got), err, len(want))
	}
	small := r.client(t, client.Options{MaxContent: content.Size - 1})
	if err := small.DownloadFile(t.Context(), content.Digest, target); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("more than allowed: %v", err)
	}
	if got, _ := os.ReadFile(target); !bytes.Equal(got, want) {
		t.Error("a download that failed changed the file")
	}
}

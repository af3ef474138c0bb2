package agent

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	const repo = "example/published"
	a.do(t, "GET", "/v2/"+repo+"/tags/list", nil).want(t, 404, `"NAME_UNKNOWN"`)
	first := bytes.Repeat([]byte("one "), 3<<20)
	got := a.publish(t, repo, "1.0.0", first).want(t, 201, "")

	p, err := a.client.Package(t.Context(), packageName(t, "example:published"))
	if err != nil {
		t.Fatal(err)
	}
	r, ok := p.Release("1.0.0")
	if !ok || r.Content != protocol.HashOf(first).Any() || r.By != a.key.Public().ID() {
		t.Fatalf("released %+v", r)
	}
	manifest := a.do(t, "GET", "/v2/"+repo+"/manifests/1.0.0", nil).want(t, 200, r.RecordID.String())
	if digest := got.header.Get("Docker-Content-Digest"); digest != digestOf([]byte(manifest.body)) {
		t.Errorf("the answer to the push has digest %s, the manifest %s", digest, digestOf([]byte(manifest.body)))
	}
	if warning := got.header.Get("Warning"); !strings.Contains(warning, "1 further annotations") || !strings.Contains(warning, "not kept") {
		t.Errorf("warned %q of what is lost", warning)
	}
	if log := a.logged.String(); !strings.Contains(log, "1 further annotations") {
		t.Errorf("logged %s", log)
	}

	// The same once more makes no record, another content none either.
	again := a.publish(t, repo, "1.0.0", first).want(t, 201, "")
	if again.header.Get("Docker-Content-Digest") != got.header.Get("Docker-Content-Digest") {
		t.Errorf("digests %q and %q", got.header, again.header)
	}
	a.publish(t, repo, "1.0.0", []byte("other")).want(t, 403, "1.0.0")
	second := a.publish(t, repo, "1.1.0+build", []byte("two")).want(t, 201, "")
	if second.header.Get("Docker-Content-Digest") == got.header.Get("Docker-Content-Digest") {
		t.Error("two versions have one digest")
	}
	if after, err := a.client.Package(t.Context(), p.Name); err != nil || after.HeadIndex == p.HeadIndex {
		t.Errorf("%+v, %v", after, err)
	}
	a.do(t, "GET", "/v2/"+repo+"/tags/list", nil).want(t, 200, `["1.0.0","1.1.0_build"]`)
}

func TestPublishIsRefused(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	other := start(t, "", nil)
	const repo = "example/refused"
	a.publish(t, repo, "1.0.0", []byte("one")).want(t, 201, "")
	layer := a.push(t, repo, []byte("two"), 10)
	put := func(repo, tag, mediaType string, manifest []byte) answer {
		return a.do(t, "PUT", "/v2/"+repo+"/manifests/"+tag, manifest, "Content-Type", mediaType)
	}
	other.publish(t, repo, "2.0.0", []byte("not yours")).want(t, 403, `"DENIED"`)
	put("undefined/a", "1.0.0", manifestType, manifestOf(layer, 3, "1.0.0")).want(t, 403, "undefined")
	put("elsewhere/a", "1.0.0", manifestType, manifestOf(layer, 3, "1.0.0")).want(t, 403, "registry.example.org")
	put(repo, "latest", manifestType, manifestOf(layer, 3, "latest")).want(t, 400, "semantic version")
	put(repo, "2.0.0", manifestType, manifestOf(layer, 3, "1.0.0")).want(t, 400, "annotated as version")
	put(repo, "2.0.0", manifestType, manifestOf(digestOf([]byte("nowhere")), 3, "2.0.0")).want(t, 404, `"MANIFEST_BLOB_UNKNOWN"`)
	put(repo, "2.0.0", manifestType, []byte(`{"layers":[]}`)).want(t, 400, "one layer")
	put(repo, "2.0.0", "application/vnd.oci.image.index.v1+json", []byte(`{}`)).want(t, 400, "image.manifest")
	put("A/b", "2.0.0", manifestType, manifestOf(layer, 3, "2.0.0")).want(t, 400, `"NAME_INVALID"`)
	put("example/a/b", "2.0.0", manifestType, manifestOf(layer, 3, "2.0.0")).want(t, 404, "kebab-case")
	a.do(t, "DELETE", "/v2/"+repo+"/manifests/1.0.0", nil).want(t, 400, "warg publish yank")
	a.do(t, "GET", "/v2/"+repo+"/tags/list", nil).want(t, 200, `["1.0.0"]`)
}

func TestYankedVersionsAreGone(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	const repo = "example/yanked"
	a.publish(t, repo, "1.0.0", []byte("one")).want(t, 201, "")
	pushed := a.publish(t, repo, "1.1.0", []byte("two")).want(t, 201, "")
	if _, err := a.client.Publish(t.Context(), packageName(t, "example:yanked"), a.key, nil, client.Yank("1.1.0")); err != nil {
		t.Fatal(err)
	}
	a.do(t, "GET", "/v2/"+repo+"/tags/list", nil).want(t, 200, `["1.0.0"]`)
	a.do(t, "GET", "/v2/"+repo+"/manifests/1.1.0", nil).want(t, 404, "yanked")
	a.do(t, "GET", "/v2/"+repo+"/manifests/"+pushed.header.Get("Docker-Content-Digest"), nil).want(t, 200, "1.1.0")
	a.do(t, "GET", "/v2/"+repo+"/blobs/"+digestOf([]byte("two")), nil).want(t, 200, "two")
	a.publish(t, repo, "1.1.0", []byte("two")).want(t, 403, `"DENIED"`)
	if _, err := a.client.Publish(t.Context(), packageName(t, "example:yanked"), a.key, nil, client.Yank("1.0.0")); err != nil {
		t.Fatal(err)
	}
	a.do(t, "GET", "/v2/"+repo+"/tags/list", nil).want(t, 404, "not yanked")
}

// Several pushes at once, through agents that do not know each other, all come through.
func TestPublishAtOnce(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	const repo = "example/at-once"
	var group sync.WaitGroup
	versions := []string{"1.0.0", "1.0.1", "1.0.2", "1.0.3"}
	status := make([]answer, len(versions))
	agents := []*tested{a, start(t, "", func(o *Options) { o.Signer = a.key })}
	for i, version := range versions {
		group.Go(func() { status[i] = agents[i%2].publish(t, repo, version, []byte(version)) })
	}
	group.Wait()
	for i, got := range status {
		if got.status != 201 {
			t.Errorf("%s: %d %s", versions[i], got.status, got.body)
		}
	}
	a.do(t, "GET", "/v2/"+repo+"/tags/list", nil).want(t, 200, `["1.0.0","1.0.1","1.0.2","1.0.3"]`)
}

func TestWithoutAKey(t *testing.T) {
	t.Parallel()
	start(t, "", nil).publish(t, "example/without-a-key", "1.0.0", []byte("one")).want(t, 201, "")
	a := start(t, "", func(o *Options) { o.Signer = nil })
	a.do(t, "POST", "/v2/example/without-a-key/blobs/uploads/", nil).want(t, 403, "without a signing key")
	a.do(t, "PUT", "/v2/example/without-a-key/manifests/2.0.0", []byte("{}"), "Content-Type", manifestType).want(t, 403, "without a signing key")
	a.do(t, "GET", "/v2/example/without-a-key/manifests/1.0.0", nil).want(t, 200, "")
}

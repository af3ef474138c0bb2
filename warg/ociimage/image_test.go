package ociimage

import (
	"crypto/sha256"
	"encoding/json"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func name(t *testing.T, text string) protocol.PackageName {
	t.Helper()
	n, err := protocol.ParsePackageName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func release(t *testing.T) Release {
	t.Helper()
	return Release{
		Name: name(t, "example:hello-world"), Version: "1.0.0-rc.1+b<5>",
		Record: protocol.HashOf([]byte("record")), Index: 1 << 60,
		Time:    protocol.Time{Seconds: 1_700_000_000, Nanos: 120_000_000},
		Content: protocol.HashOf([]byte("content")), Size: 7,
		Contents: Contents{Component: true, Imports: []string{"wasi:io/poll@0.2.0", "a<b>"}},
	}
}

// The bytes are fixed: digests that people have written down are over them.
func TestTheBytes(t *testing.T) {
	image := New(release(t))
	const wantConfig = `{"created":"2023-11-14T22:13:20.12Z","architecture":"wasm","os":"wasip2",` +
		`"layerDigests":["sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"],` +
		`"component":{"exports":[],"imports":["wasi:io/poll@0.2.0","a<b>"]}}`
	if string(image.Config) != wantConfig {
		t.Errorf("config\n%s, want\n%s", image.Config, wantConfig)
	}
	wantManifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
		`"config":{"mediaType":"application/vnd.wasm.config.v0+json","digest":"` + image.ConfigDigest.String() + `","size":231},` +
		`"layers":[{"mediaType":"application/wasm","digest":"sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73","size":7,` +
		`"annotations":{"org.opencontainers.image.title":"hello-world.wasm"}}],` +
		`"annotations":{"io.github.warg-trillian.record":"` + protocol.HashOf([]byte("record")).String() + `",` +
		`"io.github.warg-trillian.registry-index":"1152921504606846976",` +
		`"io.github.warg-trillian.tlog-proof":"/tlog/records/proof/example/hello-world/1.0.0-rc.1+b<5>",` +
		`"org.opencontainers.image.version":"1.0.0-rc.1+b<5>"}}`
	if string(image.Manifest) != wantManifest {
		t.Errorf("manifest\n%s, want\n%s", image.Manifest, wantManifest)
	}
	if image.ConfigDigest != sha256.Sum256(image.Config) || image.ManifestDigest != sha256.Sum256(image.Manifest) {
		t.Error("the digests are not those of the bytes")
	}
}

// A component whose names are not known is not said to have none.
func TestNamesThatAreNotKnown(t *testing.T) {
	r := release(t)
	r.Contents = Contents{Component: true, Unknown: true}
	image := New(r)
	const want = `{"created":"2023-11-14T22:13:20.12Z","architecture":"wasm","os":"wasip2",` +
		`"layerDigests":["sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"]}`
	if string(image.Config) != want {
		t.Errorf("config\n%s, want\n%s", image.Config, want)
	}
}

func TestAModule(t *testing.T) {
	r := release(t)
	r.Contents = Contents{}
	image := New(r)
	const want = `{"created":"2023-11-14T22:13:20.12Z","architecture":"wasm","os":"wasip1",` +
		`"layerDigests":["sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"]}`
	if string(image.Config) != want {
		t.Errorf("config\n%s, want\n%s", image.Config, want)
	}
}

// A record may claim any time, and the config must be readable nevertheless.
func TestAnyTimeHasAForm(t *testing.T) {
	for seconds, want := range map[int64]string{
		0: "1970-01-01T00:00:00Z", -1: "1969-12-31T23:59:59Z",
		1<<63 - 1: "9999-12-31T23:59:59.999999999Z", -1 << 62: "0001-01-01T00:00:00Z",
	} {
		r := release(t)
		r.Time = protocol.Time{Seconds: seconds}
		var config struct{ Created string }
		if err := json.Unmarshal(New(r).Config, &config); err != nil || config.Created != want {
			t.Errorf("second %d: created %q, %v; want %q", seconds, config.Created, err, want)
		}
	}
}

func TestTags(t *testing.T) {
	for version, tag := range map[string]string{
		"1.2.3": "1.2.3", "1.0.0-rc.1": "1.0.0-rc.1", "1.0.0+build.5": "1.0.0_build.5", "1.0.0-a-b+c-d": "1.0.0-a-b_c-d",
	} {
		if got, ok := Tag(version); got != tag || !ok {
			t.Errorf("tag of %s is %q, %v", version, got, ok)
		}
		if got, ok := Version(tag); got != version || !ok {
			t.Errorf("version of %s is %q, %v", tag, got, ok)
		}
	}
	for _, tag := range []string{"latest", "1.0", "v1.0.0", "1.0.0+build", "1.0.0_a_b", "", "1.0.0_"} {
		if version, ok := Version(tag); ok {
			t.Errorf("tag %q is version %q", tag, version)
		}
	}
	long := "1.0.0-"
	for len(long) < 129 {
		long += "a"
	}
	if _, ok := Tag(long); ok {
		t.Error("a version of 129 characters has a tag")
	}
}

func TestRepositories(t *testing.T) {
	n := name(t, "example:hello-world")
	if got, ok := Name(Repository(n)); !ok || got != n {
		t.Errorf("%s became %s", n, got)
	}
	for _, repository := range []string{"example", "example/a/b", "example:a/b", "Example/a", "/a", "example/", "a-1/b", ""} {
		if got, ok := Name(repository); ok {
			t.Errorf("repository %q is package %s", repository, got)
		}
	}
}

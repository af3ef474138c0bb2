package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/warg/client"
)

// component is the smallest component.
var component = []byte("\x00asm\x0d\x00\x01\x00")

// Whoever gets a release gets the same bytes, and they lead from the tag to the content.
func TestGet(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	const repo = "example/gotten"
	pushed := a.publish(t, repo, "1.0.0", component).want(t, 201, "")
	a.publish(t, repo, "2.0.0", []byte("a module")).want(t, 201, "")

	b := start(t, "", func(o *Options) { o.Signer = nil })
	b.do(t, "GET", "/v2/", nil).want(t, 200, "")
	got := b.do(t, "GET", "/v2/"+repo+"/manifests/1.0.0", nil).want(t, 200, "")
	digest := got.header.Get("Docker-Content-Digest")
	if digest != pushed.header.Get("Docker-Content-Digest") || digest != digestOf([]byte(got.body)) || got.header.Get("Content-Type") != manifestType {
		t.Errorf("manifest with digest %s, pushed %s, headers %v", digest, pushed.header.Get("Docker-Content-Digest"), got.header)
	}
	var manifest ociregistry.Manifest
	if err := json.Unmarshal([]byte(got.body), &manifest); err != nil {
		t.Fatal(err)
	}
	p, err := b.client.Package(t.Context(), packageName(t, "example:gotten"))
	if err != nil {
		t.Fatal(err)
	}
	release, _ := p.Release("1.0.0")
	index, err := b.client.RecordIndex(t.Context(), p, release.RecordID)
	if err != nil || index == p.HeadIndex || manifest.Annotations["io.github.warg-trillian.registry-index"] != strconv.FormatUint(index, 10) {
		t.Errorf("index %d, %v, annotations %v", index, err, manifest.Annotations)
	}
	config := b.do(t, "GET", "/v2/"+repo+"/blobs/"+string(manifest.Config.Digest), nil).want(t, 200, `"os":"wasip2"`)
	if digestOf([]byte(config.body)) != string(manifest.Config.Digest) || int64(len(config.body)) != manifest.Config.Size {
		t.Errorf("config %s, descriptor %+v", config.body, manifest.Config)
	}
	layer := "/v2/" + repo + "/blobs/" + digestOf(component)
	if got := b.do(t, "GET", layer, nil).want(t, 200, string(component)); got.body != string(component) || manifest.Layers[0].Size != int64(len(component)) {
		t.Errorf("layer %q", got.body)
	}
	b.do(t, "GET", "/v2/"+repo+"/manifests/"+digest, nil).want(t, 200, got.body)
	for _, path := range []string{layer, "/v2/" + repo + "/manifests/1.0.0", "/v2/" + repo + "/manifests/" + digest} {
		if head := b.do(t, "HEAD", path, nil).want(t, 200, ""); head.header.Get("Content-Length") == "" || head.header.Get("Docker-Content-Digest") == "" {
			t.Errorf("HEAD %s: %v", path, head.header)
		}
	}
	if part := b.do(t, "GET", layer, nil, "Range", "bytes=1-3").want(t, 206, ""); part.body != "asm" {
		t.Errorf("bytes 1 to 3: %q", part.body)
	}
	for _, beyond := range []string{"bytes=1000-", fmt.Sprintf("bytes=%d-", len(component))} {
		want := fmt.Sprintf("bytes */%d", len(component))
		if got := b.do(t, "GET", layer, nil, "Range", beyond).want(t, 416, `"RANGE_INVALID"`).header.Get("Content-Range"); got != want {
			t.Errorf("%s: Content-Range %q, want %q", beyond, got, want)
		}
	}
	for _, passedOver := range []string{"bytes=-3", "bytes=0-1,3-4", "lines=1-2", "nonsense"} {
		if got := b.do(t, "GET", layer, nil, "Range", passedOver).want(t, 200, ""); got.body != string(component) {
			t.Errorf("%s: %q", passedOver, got.body)
		}
	}
	proof := b.do(t, "GET", manifest.Annotations["io.github.warg-trillian.tlog-proof"], nil).want(t, 307, "")
	got = b.do(t, "GET", proof.header.Get("Location"), nil)
	for deadline := time.Now().Add(20 * time.Second); got.status == 404 && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond) // the proof follows when the records log is signed anew
		got = b.do(t, "GET", proof.header.Get("Location"), nil)
	}
	got.want(t, 200, "c2sp.org/tlog-proof@v1")
	b.do(t, "GET", "/v2/"+repo+"/referrers/"+digest, nil).want(t, 404, "referrers")
}

func TestGetWhatIsNotThere(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	const repo = "example/little"
	a.publish(t, repo, "1.0.0", []byte("little")).want(t, 201, "")
	secret := a.push(t, repo, []byte("not released yet"), 100)
	none := digestOf([]byte("none"))
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/v2/example/nothing/tags/list":                {404, `{"errors":[{"code":"NAME_UNKNOWN"`},
		"/v2/example/nothing/manifests/1.0.0":          {404, `{"errors":[{"code":"NAME_UNKNOWN"`},
		"/v2/undefined/a/tags/list":                    {404, `"NAME_UNKNOWN"`},
		"/v2/elsewhere/a/tags/list":                    {404, "registry.example.org"},
		"/v2/" + repo + "/manifests/2.0.0":             {404, `"MANIFEST_UNKNOWN"`},
		"/v2/" + repo + "/manifests/latest":            {404, `"MANIFEST_UNKNOWN"`},
		"/v2/" + repo + "/manifests/" + none:           {404, "ask for the version first"},
		"/v2/" + repo + "/blobs/" + none:               {404, `"BLOB_UNKNOWN"`},
		"/v2/" + repo + "/blobs/" + secret:             {404, `"BLOB_UNKNOWN"`},
		"/v2/" + repo + "/blobs/sha512:" + none[7:]:    {400, `"DIGEST_INVALID"`},
		"/v2/example/nothing/blobs/" + digestOf(nil):   {404, `"NAME_UNKNOWN"`},
		"/tlog/records/proof/example/little/not-a-one": {404, ""},
		"/else": {404, "/v2/"},
	} {
		a.do(t, "GET", path, nil).want(t, want.status, want.text)
	}
}

// A registry that lies is found out before a byte of what it said is handed on.
func TestALyingRegistry(t *testing.T) {
	t.Parallel()
	r, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	honest := start(t, "", nil)
	content := bytes.Repeat([]byte("honest "), 1000)
	for what, tell := range map[string]func(l *liar.Liar, log string){
		"another content": func(l *liar.Liar, _ string) {
			l.ChangePath("/content/", func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
		},
		"a signature that is none": func(l *liar.Liar, _ string) {
			l.ChangePath("/v1/fetch/checkpoint", func(b []byte) []byte { return bytes.Replace(b, []byte(`"timestamp":`), []byte(`"timestamp":1`), 1) })
		},
		"no inclusion": func(l *liar.Liar, _ string) {
			l.ChangePath("/v1/proof/inclusion", func([]byte) []byte { return []byte(`{"log":"","map":""}`) })
		},
		"another index": func(l *liar.Liar, log string) {
			l.ChangePath("/v1/package/"+log+"/record/", func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"registryIndex":`), []byte(`"registryIndex":1`), 1)
			})
		},
	} {
		t.Run(what, func(t *testing.T) {
			repo := "example/lied-" + strings.ReplaceAll(what, " ", "-")
			honest.publish(t, repo, "1.0.0", content).want(t, 201, "")
			honest.publish(t, repo, "1.0.1", []byte("the head")).want(t, 201, "")
			l := liar.Start(t, r.url)
			var seen error
			a := start(t, l.URL, func(o *Options) { o.Explain = func(err error) error { seen = err; return err } })
			tell(l, packageName(t, "example:"+repo[len("example/"):]).LogID().String())
			a.do(t, "GET", "/v2/"+repo+"/manifests/1.0.0", nil).want(t, 403, `"DENIED","message":"VERIFICATION FAILED`)
			var lie *client.VerificationError
			if !errors.As(seen, &lie) || !strings.Contains(a.logged.String(), "level=ERROR") {
				t.Errorf("told %v, logged %s", seen, a.logged)
			}
			blob := a.do(t, "GET", "/v2/"+repo+"/blobs/"+digestOf(content), nil)
			if what != "another index" { // the content is honest there
				blob.want(t, 403, "VERIFICATION FAILED")
			}
			l.Honest()
			a.do(t, "GET", "/v2/"+repo+"/manifests/1.0.0", nil).want(t, 200, "")
			a.do(t, "GET", "/v2/"+repo+"/blobs/"+digestOf(content), nil).want(t, 200, "honest")
		})
	}
}

func TestNoRegistry(t *testing.T) {
	t.Parallel()
	l := liar.Start(t, "http://127.0.0.1:1")
	a := start(t, l.URL, nil)
	a.do(t, "GET", "/v2/example/a/tags/list", nil).want(t, 502, `"UNKNOWN"`)
}

// What was got stays within the bound, and what had to go is got again.
func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	const repo = "example/kept"
	for i := range 4 {
		a.publish(t, repo, fmt.Sprintf("1.0.%d", i), bytes.Repeat([]byte{byte('a' + i)}, 1000)).want(t, 201, "")
	}
	b := start(t, "", func(o *Options) { o.MaxKept = 2500 })
	for i := range 4 {
		b.do(t, "GET", fmt.Sprintf("/v2/%s/manifests/1.0.%d", repo, i), nil).want(t, 200, "")
	}
	entries, err := os.ReadDir(b.blobs.dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d contents are kept, %v; want 2", len(entries), err)
	}
	b.do(t, "GET", "/v2/"+repo+"/blobs/"+digestOf(bytes.Repeat([]byte("a"), 1000)), nil).want(t, 200, "aaa")
}

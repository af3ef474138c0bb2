package oci_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/oci"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// shown is a registry on real parts as OCI clients see it.
type shown struct {
	*registrytest.Setup
	registry *oci.Registry
	now      time.Time
}

func show(t *testing.T) *shown {
	s := &shown{Setup: registrytest.New(t), now: time.Now()}
	s.renew()
	return s
}

// renew is a new process.
func (s *shown) renew() {
	s.registry = oci.New(s.Setup.Registry, oci.Options{Cache: s.Options.Cache, Now: func() time.Time { return s.now }})
}

// get returns the answer to a GET below /v2/, or what its error is: "CODE message".
func (s *shown) get(path string) (oci.Answer, string) {
	s.T.Helper()
	answer, err := s.registry.Answer(httptest.NewRequest("GET", "/v2/"+path, nil))
	return answer, s.problem(err)
}

func (s *shown) problem(err error) string {
	s.T.Helper()
	if err == nil {
		return ""
	}
	p, ok := oci.ProblemOf(err)
	if !ok {
		s.T.Fatal(err)
	}
	return p.Code + " " + p.Message
}

func (s *shown) body(path string) string {
	s.T.Helper()
	answer, problem := s.get(path)
	if problem != "" {
		s.T.Fatalf("%s: %s", path, problem)
	}
	return string(answer.Body)
}

func (s *shown) refused(path, want string) {
	s.T.Helper()
	if _, problem := s.get(path); !strings.HasPrefix(problem, want) {
		s.T.Errorf("%s: %q, want %s", path, problem, want)
	}
}

func (s *shown) blob(repo string, digest string) (oci.Blob, string) {
	s.T.Helper()
	blob, err := s.registry.Blob(context.Background(), repo, digest)
	return blob, s.problem(err)
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// publish releases contents under versions, in one record each, and waits.
func publish(a *registrytest.Author, releases ...[2]string) (records []protocol.Hash) {
	a.S.T.Helper()
	if a.Head == "" {
		a.Post(registrytest.Init(a.Key))
	}
	for _, r := range releases {
		status := a.Post(registrytest.Release(r[0], r[1]))
		if status.State == registry.Sourcing {
			a.S.Must(a.Upload(status.RecordID, r[1]))
		}
		a.Wait(status.RecordID)
		records = append(records, status.RecordID)
	}
	return records
}

func hello(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../testdata/hello.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An image is what package ociimage makes of the record, whichever process makes it.
func TestImage(t *testing.T) {
	s := show(t)
	s.Start()
	a := s.Author("example:hello")
	component := hello(t)
	record := publish(a, [2]string{"1.2.0", component})[0]

	manifest := s.body("example/hello/manifests/1.2.0")
	contents, err := ociimage.Describe(t.Context(), strings.NewReader(component))
	s.Must(err)
	leaves, err := s.Leaves(context.Background(), 0, 100)
	s.Must(err)
	index := uint64(len(leaves) - 1)
	equal(t, "the last leaf", leaves[index].RecordID, record)
	want := ociimage.New(ociimage.Release{
		Name: a.Name, Version: "1.2.0", Record: record, Index: index, Time: protocol.TimeOf(a.Time),
		Content: protocol.HashOf([]byte(component)), Size: int64(len(component)), Contents: contents,
	})
	equal(t, "manifest", manifest, string(want.Manifest))
	config, problem := s.blob("example/hello", want.ConfigDigest.String())
	equal(t, "config", string(config.Body)+problem, string(want.Config))
	equal(t, "type of the config", config.MediaType, ociimage.ConfigType)
	layer, problem := s.blob("example/hello", protocol.HashOf([]byte(component)).String())
	equal(t, "layer", layer.MediaType+problem, "application/wasm")
	equal(t, "bytes of the layer in memory", layer.Body == nil, true)

	s.Stop()
	s.Renew()
	s.renew()
	equal(t, "manifest of another process, by digest", s.body("example/hello/manifests/"+want.ManifestDigest.String()), manifest)
}

func TestTags(t *testing.T) {
	s := show(t)
	s.Start()
	a := s.Author("example:hello")
	init := a.Post(registrytest.Init(a.Key))
	a.Wait(init.RecordID)
	equal(t, "no releases", s.body("example/hello/tags/list"), `{"name":"example/hello","tags":[]}`)
	publish(a, [2]string{"1.10.0", "a"}, [2]string{"1.9.0", "b"}, [2]string{"1.9.0+build.5", "c"}, [2]string{"1.9.0-rc.1", "a"})
	equal(t, "all, in lexical order", s.body("example/hello/tags/list"), `{"name":"example/hello","tags":["1.10.0","1.9.0","1.9.0-rc.1","1.9.0_build.5"]}`)
	equal(t, "some", s.body("example/hello/tags/list?n=2&last=1.10.0"), `{"name":"example/hello","tags":["1.9.0","1.9.0-rc.1"]}`)
	equal(t, "behind a version", s.body("example/hello/tags/list?n=2&last=1.9.0%2Bbuild.5"), `{"name":"example/hello","tags":[]}`)
	equal(t, "none", s.body("example/hello/tags/list?n=0"), `{"name":"example/hello","tags":[]}`)
	equal(t, "no number", s.body("example/hello/tags/list?n="), s.body("example/hello/tags/list"))
	for _, wrong := range []string{"-1", "x", "1.5", "99999999999999999999"} {
		s.refused("example/hello/tags/list?n="+wrong, "UNSUPPORTED n is")
	}
	s.refused("example/other/tags/list?n=0", "NAME_UNKNOWN")
	built := s.body("example/hello/manifests/1.9.0_build.5")
	equal(t, "by the version itself", s.body("example/hello/manifests/1.9.0+build.5"), built)
	equal(t, "by the version itself, encoded", s.body("example/hello/manifests/1.9.0%2Bbuild.5"), built)
	if !strings.Contains(built, `"org.opencontainers.image.version":"1.9.0+build.5"`) {
		t.Error(built)
	}
	publish(a, [2]string{"2.0.0", "a"})
	equal(t, "a later release", strings.Contains(s.body("example/hello/tags/list"), `"2.0.0"`), true)
	s.refused("example/hello/manifests/latest", "MANIFEST_UNKNOWN example:hello has no release with the tag latest")
	s.refused("example/other/tags/list", "NAME_UNKNOWN this registry has no package for the repository example/other")
	s.refused("example/other/referrers/"+protocol.HashOf(nil).String(), "NAME_UNKNOWN")
}

func TestYanked(t *testing.T) {
	s := show(t)
	s.Start()
	a := s.Author("example:hello")
	publish(a, [2]string{"1.0.0", "first"}, [2]string{"1.1.0", "second"})
	manifest := s.body("example/hello/manifests/1.0.0")
	a.Wait(a.Post(registrytest.Yank("1.0.0")).RecordID)

	equal(t, "tags", s.body("example/hello/tags/list"), `{"name":"example/hello","tags":["1.1.0"]}`)
	s.refused("example/hello/manifests/1.0.0", "MANIFEST_UNKNOWN version 1.0.0 of example:hello is yanked")
	for range 2 { // the second time by a process that knows nothing
		equal(t, "by digest", s.body("example/hello/manifests/"+protocol.HashOf([]byte(manifest)).String()), manifest)
		blob, problem := s.blob("example/hello", protocol.HashOf([]byte("first")).String())
		equal(t, "its layer", blob.MediaType+problem, "application/wasm")
		s.Stop()
		s.Renew()
		s.renew()
	}
	s.Start()
	a.Wait(a.Post(registrytest.Yank("1.1.0")).RecordID)
	equal(t, "all is yanked", s.body("example/hello/tags/list"), `{"name":"example/hello","tags":[]}`)
}

// What no signed checkpoint covers is not shown, although it is accepted.
func TestOnlyWhatIsPublished(t *testing.T) {
	s := show(t)
	a := s.Author("example:hello")
	a.Post(registrytest.Init(a.Key))
	status := a.Post(registrytest.Release("1.0.0", "first"))
	s.Must(a.Upload(status.RecordID, "first"))
	s.refused("example/hello/tags/list", "NAME_UNKNOWN") // nothing is published at all
	s.Start()
	a.Wait(status.RecordID)
	s.body("example/hello/manifests/1.0.0")
	s.Stop()

	second := a.Post(registrytest.Release("1.1.0", "second"))
	s.Must(a.Upload(second.RecordID, "second"))
	equal(t, "tags", s.body("example/hello/tags/list"), `{"name":"example/hello","tags":["1.0.0"]}`)
	s.refused("example/hello/manifests/1.1.0", "MANIFEST_UNKNOWN")
	digest := protocol.HashOf([]byte("second")).String()
	_, problem := s.blob("example/hello", digest)
	equal(t, "its content", problem, "BLOB_UNKNOWN example:hello has no blob with the digest "+digest)

	b := s.Author("example:other")
	b.Post(registrytest.Init(b.Key))
	s.refused("example/other/tags/list", "NAME_UNKNOWN")
	// A content is a blob of those packages alone that have released it.
	s.Start()
	publish(a, [2]string{"1.2.0", "third"})
	publish(b, [2]string{"0.1.0", "other"})
	_, problem = s.blob("example/other", protocol.HashOf([]byte("third")).String())
	equal(t, "content of another package", strings.HasPrefix(problem, "BLOB_UNKNOWN"), true)
}

// Whoever asks by digest is answered by processes that keep nothing, and the images of
// a content that is lost keep no others from being found.
func TestByDigestWithoutMemory(t *testing.T) {
	s := show(t)
	s.CacheBytes = 0
	s.Renew()
	s.renew()
	s.Start()
	a := s.Author("example:hello")
	var releases [][2]string
	for i := range 20 {
		releases = append(releases, [2]string{fmt.Sprintf("1.%d.0", i), fmt.Sprint("content ", i)})
	}
	publish(a, releases...)
	first, last := s.body("example/hello/manifests/1.0.0"), s.body("example/hello/manifests/1.19.0")
	lost := protocol.HashOf([]byte("content 7"))
	s.Must(os.Remove(filepath.Join(s.Dir, "content", "files", strings.Replace(lost.String(), ":", "-", 1))))
	for _, manifest := range []string{first, last} {
		equal(t, "by digest", s.body("example/hello/manifests/"+protocol.HashOf([]byte(manifest)).String()), manifest)
	}
	s.refused("example/hello/manifests/"+lost.String(), "MANIFEST_UNKNOWN")
	s.refused("example/hello/manifests/sha512:"+strings.Repeat("00", 64), "MANIFEST_UNKNOWN")
	_, err := s.registry.Answer(httptest.NewRequest("GET", "/v2/example/hello/manifests/1.7.0", nil))
	if _, ok := err.(*registry.ContentLostError); !ok {
		t.Errorf("error %v, want that the content is lost", err)
	}
}

// Many ask while the package grows.
func TestAtTheSameTime(t *testing.T) {
	s := show(t)
	s.Start()
	a := s.Author("example:hello")
	publish(a, [2]string{"1.0.0", "content"})
	manifest := s.body("example/hello/manifests/1.0.0")
	stop := make(chan struct{})
	done := make(chan string, 4)
	for range 4 {
		go func() {
			for {
				select {
				case <-stop:
					done <- ""
					return
				default:
				}
				digest := protocol.HashOf([]byte(manifest)).String()
				answer, err := s.registry.Answer(httptest.NewRequest("GET", "/v2/example/hello/manifests/"+digest, nil))
				if err != nil || !bytes.Equal(answer.Body, []byte(manifest)) {
					done <- fmt.Sprintf("%s, %v", answer.Body, err)
					return
				}
			}
		}()
	}
	for i := range 10 {
		publish(a, [2]string{fmt.Sprintf("2.%d.0", i), "content"})
	}
	close(stop)
	for range 4 {
		equal(t, "what was answered otherwise", <-done, "")
	}
	var list struct{ Tags []string }
	s.Must(json.Unmarshal([]byte(s.body("example/hello/tags/list")), &list))
	equal(t, "tags", len(list.Tags), 11)
	equal(t, "first", reflect.DeepEqual(list.Tags[:2], []string{"1.0.0", "2.0.0"}), true)
}

package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/buckets"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func contentPath(data []byte) string {
	return "/content/" + strings.Replace(protocol.HashOf(data).String(), ":", "-", 1)
}

// answer asks for a path without following redirects.
func (s *server) answer(t *testing.T, method, path string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

// A registry whose content is in a bucket, with the official client: as with a folder.
func TestRegistryOnBucket(t *testing.T) {
	eachBucket(t, func(t *testing.T, bucket *buckets.Server) {
		s := startServer(t, "--content-url", bucket.URL)
		c := newPublisher(t, s)
		c.run("publish", "init", "example:hello")
		c.release("example:hello", "1.0.0", emptyComponent())
		if !bytes.Equal(c.download("example:hello"), emptyComponent()) {
			t.Error("the content downloaded is not that published")
		}
		if said := c.refused("publish", "release", "--name", "example:hello", "--version", "2.0.0", c.write("text.wasm", []byte("(module)"))); !strings.Contains(said, "not valid WebAssembly") {
			t.Errorf("of what is no WebAssembly the client said %q", said)
		}
		s.checkLog(t, "example:hello", "init by "+c.keyID, "release 1.0.0")

		path := contentPath(emptyComponent())
		response, body := s.answer(t, http.MethodGet, path, nil)
		if response.StatusCode != http.StatusOK || !bytes.Equal(body, emptyComponent()) || !strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("status %s, %d bytes, %v", response.Status, len(body), response.Header)
		}
		if again, _ := s.answer(t, http.MethodGet, path, http.Header{"If-None-Match": {response.Header.Get("ETag")}}); again.StatusCode != http.StatusNotModified {
			t.Errorf("with its tag: %s", again.Status)
		}
		part, body := s.answer(t, http.MethodGet, path, http.Header{"Range": {"bytes=4-5"}})
		if part.StatusCode != http.StatusPartialContent || !bytes.Equal(body, emptyComponent()[4:6]) {
			t.Errorf("a part: %s, %x", part.Status, body)
		}
		if status, body := s.ask(t, http.MethodGet, "/readyz", nil); status != http.StatusOK {
			t.Errorf("ready: %d %s", status, body)
		}
		if left, err := filepath.Glob(filepath.Join(s.dataDir, "uploads", "*", "*")); err != nil || len(left) != 0 {
			t.Errorf("left in the data folder: %q, %v", left, err)
		}
	})
}

// With redirects, bytes come from the bucket, by a URL that is signed.
func TestContentRedirect(t *testing.T) {
	bucket := buckets.S3(t)
	s := startServer(t, "--content-url", bucket.URL, "--content-redirect")
	c := newPublisher(t, s)
	c.run("publish", "init", "example:hello")
	c.release("example:hello", "1.0.0", emptyComponent())
	for name, c := range map[string]*client{"official": newReader(t, s), "ours": newReader(t, s).ours()} {
		if !bytes.Equal(c.download("example:hello"), emptyComponent()) {
			t.Errorf("%s: the content downloaded is not that published", name)
		}
	}
	response, _ := s.answer(t, http.MethodGet, contentPath(emptyComponent()), nil)
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusTemporaryRedirect || !strings.HasPrefix(location, "http://"+bucket.Addr+"/") || !strings.Contains(location, "X-Amz-Signature=") || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s, %v", response.Status, response.Header)
	}
	if head, _ := s.answer(t, http.MethodHead, contentPath(emptyComponent()), nil); head.StatusCode != http.StatusOK || head.ContentLength != int64(len(emptyComponent())) {
		t.Errorf("HEAD: %s, %d bytes", head.Status, head.ContentLength)
	}
	if unknown, _ := s.answer(t, http.MethodGet, contentPath([]byte("nobody's")), nil); unknown.StatusCode != http.StatusNotFound {
		t.Errorf("of what is not there: %s", unknown.Status)
	}
	if strings.Contains(s.stderr.String(), "X-Amz-Signature") {
		t.Error("there is a signed URL in the log")
	}

	public := startServer(t, "--content-url", bucket.URL, "--content-redirect", "--content-base-url", "https://content.example.com")
	p := newPublisher(t, public)
	p.run("publish", "init", "example:hello")
	p.release("example:hello", "1.0.0", emptyComponent())
	response, _ = public.answer(t, http.MethodGet, contentPath(emptyComponent()), nil)
	if want := "https://content.example.com" + contentPath(emptyComponent()); response.Header.Get("Location") != want {
		t.Errorf("redirected to %q, want %q", response.Header.Get("Location"), want)
	}
}

// Uploads straight to the bucket are verified from there before a record is published.
// Not on Azure, whose signed URLs are of no use without a header that the protocol lacks.
func TestDirectUpload(t *testing.T) {
	for name, start := range map[string]func(buckets.T) *buckets.Server{"S3": buckets.S3, "GCS": buckets.GCS} {
		t.Run(name, func(t *testing.T) {
			bucket := start(t)
			s := startServer(t, "--content-url", bucket.URL, "--content-upload", "direct")
			// The official client goes through the registry.
			official := newPublisher(t, s)
			official.run("publish", "init", "example:official")
			official.release("example:official", "1.0.0", emptyComponent())

			put := func(version string, named, sent []byte) (recordID string, state recordState) {
				name := "example:direct" + map[string]string{"1.0.0": "-good", "2.0.0": "-other", "3.0.0": "-refused"}[version]
				recordID, places := postRelease(t, s, name, version, named)
				if len(places) != 2 || places[0].Method != http.MethodPost || places[1].Method != http.MethodPut {
					t.Fatalf("places for uploads: %v", places)
				}
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, plainHTTP(places[1].URL), bytes.NewReader(sent))
				if err != nil {
					t.Fatal(err)
				}
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				if said, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
					t.Fatalf("the bucket says %s %s", response.Status, said)
				}
				for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
					if state = s.recordState(t, name, recordID); state.State != "sourcing" && state.State != "processing" {
						return recordID, state
					}
					if strings.Contains(s.stderr.String(), recordID) { // it was not taken
						return recordID, s.recordState(t, name, recordID)
					}
				}
				t.Fatalf("record %s is still %s", recordID, state.State)
				return "", state
			}
			good := componentNamed("good")
			if _, state := put("1.0.0", good, good); state.State != "published" {
				t.Errorf("good content: %v", state)
			}
			if _, body := s.answer(t, http.MethodGet, contentPath(good), nil); !bytes.Equal(body, good) {
				t.Errorf("it is served as %q", body)
			}
			other := componentNamed("other")
			if _, state := put("2.0.0", other, []byte("not that")); state.State != "sourcing" {
				t.Errorf("other bytes: %v", state)
			}
			if response, _ := s.answer(t, http.MethodGet, contentPath(other), nil); response.StatusCode != http.StatusNotFound {
				t.Errorf("other bytes are served: %s", response.Status)
			}
			text := []byte("no WebAssembly")
			if _, state := put("3.0.0", text, text); state.State != "rejected" || !strings.Contains(state.Reason, "not valid WebAssembly") {
				t.Errorf("what the policy refuses: %v", state)
			}

			ours := newPublisher(t, s).ours()
			ours.run("publish", "init", "example:ours")
			ours.release("example:ours", "1.0.0", componentNamed("ours"))
			if strings.Contains(s.stderr.String(), "Signature=") {
				t.Error("there is a signed URL in the log")
			}
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
				left := keysBelow(t, bucket.URL, "incoming/")
				if len(left) == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("left in the bucket: %q", left)
				}
			}
		})
	}
}

// place is where content can be uploaded.
type place struct{ Method, URL string }

// postRelease posts a record that begins a package and releases content, and returns its
// id and where the content can be uploaded.
func postRelease(t *testing.T, s *server, name, version string, data []byte) (recordID string, places []place) {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	record := protocol.PackageRecord{Time: protocol.TimeOf(time.Now()), Entries: []protocol.PackageEntry{
		{Type: protocol.EntryInit, Key: key.Public()},
		{Type: protocol.EntryRelease, Version: version, Content: protocol.HashOf(data).Any()},
	}}
	status, body := s.ask(t, http.MethodPost, "/v1/package/"+logID(t, name)+"/record", map[string]any{"packageName": name, "record": record.Sign(key)})
	var answer struct {
		RecordID       string
		MissingContent map[string]struct{ Upload []place }
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusAccepted {
		t.Fatalf("status %d, %s, %v", status, body, err)
	}
	return answer.RecordID, answer.MissingContent[protocol.HashOf(data).String()].Upload
}

// componentNamed is a component with a custom section, so that it is like no other.
func componentNamed(name string) []byte {
	return append(emptyComponent(), append([]byte{0, byte(len(name) + 2), 1, 'x'}, name...)...)
}

// Two personalities on one bucket: what one takes the other serves, also when both take
// the same content at once.
func TestPersonalitiesShareBucket(t *testing.T) {
	bucket := buckets.S3(t)
	c := startCluster(t, 0)
	for range 2 {
		m := &member{}
		m.server = startServer(t, "--operator-key-file", c.keyFile, "--content-url", bucket.URL,
			"--records-note-key-file", c.noteKeyFile("records"), "--checkpoints-note-key-file", c.noteKeyFile("checkpoints"),
			"--database-url", c.registryDSN, "--trillian", c.logServer.RPC)
		c.members = append(c.members, m)
	}
	one, other := c.members[0].server, c.members[1].server
	p := newPublisher(t, one)
	p.run("publish", "init", "example:hello")
	p.release("example:hello", "1.0.0", emptyComponent())
	if !bytes.Equal(newReader(t, other).download("example:hello"), emptyComponent()) {
		t.Error("the content downloaded is not that published")
	}
	same := componentNamed("same")
	publishers := []*client{newPublisher(t, one), newPublisher(t, other)}
	for i, c := range publishers {
		c.run("publish", "init", "example:same"+string(rune('a'+i)))
	}
	done := make(chan outcome, 2)
	for i, c := range publishers {
		c.write("same.wasm", same)
		go func() {
			done <- c.try("publish", "release", "--name", "example:same"+string(rune('a'+i)), "--version", "1.0.0", "same.wasm")
		}()
	}
	for range publishers {
		if o := <-done; o.status != 0 {
			t.Errorf("%s%s", o.stdout, o.stderr)
		}
	}
	for _, s := range []*server{one, other} {
		if response, body := s.answer(t, http.MethodGet, contentPath(same), nil); response.StatusCode != http.StatusOK || !bytes.Equal(body, same) {
			t.Errorf("%s: %s, %q", s.url, response.Status, body)
		}
	}
}

// A bucket that is silent, loses content or gives other bytes: readiness says so, clients
// are told, and nothing of it is taken for content.
func TestRegistryOnBucketThatFails(t *testing.T) {
	bucket := buckets.S3(t)
	s := startServer(t, "--content-url", bucket.URL, "--content-timeout", "1s")
	c := newPublisher(t, s)
	c.run("publish", "init", "example:hello")
	c.release("example:hello", "1.0.0", emptyComponent())
	path := contentPath(emptyComponent())

	bucket.Pause(t)
	for what, wanted := range map[string]int{path: http.StatusServiceUnavailable, "/readyz": http.StatusServiceUnavailable, "/v1/fetch/checkpoint": http.StatusOK} {
		if status, body := s.ask(t, http.MethodGet, what, nil); status != wanted {
			t.Errorf("a silent bucket: %s answers %d %s", what, status, body)
		} else if what == "/readyz" && !bytes.Contains(body, []byte("bucket s3://warg does not answer")) {
			t.Errorf("readiness says %s", body)
		}
	}
	if said := c.refused("publish", "release", "--name", "example:hello", "--version", "2.0.0", c.write("more.wasm", componentNamed("more"))); !strings.Contains(said, "does not answer") {
		t.Errorf("the client said %q", said)
	}
	bucket.Resume(t)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		status, body := s.ask(t, http.MethodGet, "/readyz", nil)
		if status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready again: %s", body)
		}
	}
	c.release("example:hello", "2.0.0", componentNamed("more"))

	objects, key := openObjects(t, bucket.URL), strings.TrimPrefix(path, "/")
	damaged := emptyComponent()
	damaged[5]++
	if err := objects.Write(t.Context(), key, bytes.NewReader(damaged)); err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(s.url + path)
	if err == nil {
		var body []byte
		body, err = io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil {
			t.Errorf("other bytes are served as if all was well: %s, %x", response.Status, body)
		}
	}
	waitFor(t, "the damage in the log", func() bool { return strings.Contains(s.stderr.String(), "is damaged in its store") })
	if err := objects.Remove(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if status, body := s.ask(t, http.MethodGet, path, nil); status != http.StatusServiceUnavailable || !bytes.Contains(body, []byte("missing from the content store")) {
		t.Errorf("what was lost: %d %s", status, body)
	}
	if strings.Contains(s.stderr.String(), os.Getenv("AWS_SECRET_ACCESS_KEY")) {
		t.Error("there is a secret in the log")
	}
}

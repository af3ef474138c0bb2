package client_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Content that is not that of the digest ends with an error in place of EOF, and
// makes no file.
func TestWrongContent(t *testing.T) {
	r := sharedRegistry(t)
	content := client.ContentOfBytes([]byte("the content as it is"))
	c, n, key := r.client(t, client.Options{}), name(t, "example:content"), newKey(t)
	publish(t, c, n, key, []client.Content{content}, client.Init(key.Public()), client.Release("1.0.0", content.Digest))
	for what, other := range map[string]string{
		"other bytes": "the content as it was", "cut short": "the content", "longer": "the content as it is, and more", "nothing": "",
	} {
		t.Run(what, func(t *testing.T) {
			liar := contentServer(t, r, other)
			body, err := liar.OpenContent(t.Context(), content.Digest)
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			_, err = io.ReadAll(body)
			refused(t, err, client.ClaimContent)
			if _, err := body.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("the next Read returns %v", err)
			}
			_, err = liar.DownloadTo(t.Context(), content.Digest, io.Discard)
			refused(t, err, client.ClaimContent)
			dir := t.TempDir()
			refused(t, liar.DownloadFile(t.Context(), content.Digest, filepath.Join(dir, "file")), client.ClaimContent)
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("the folder has %v, %v", left, err)
			}
		})
	}
}

// contentServer is in front of a registry and gives other content for all
// digests. It names no URL of the registry's own.
func contentServer(t *testing.T, r *registry, content string) *client.Client {
	t.Helper()
	return newClient(t, serve(t, func(w http.ResponseWriter, request *http.Request) {
		if strings.HasPrefix(request.URL.Path, "/content/") {
			io.WriteString(w, content)
			return
		}
		r.handler.ServeHTTP(w, request)
	}), client.Options{})
}

// A file comes from the first place that gives the content.
func TestSeveralSources(t *testing.T) {
	content := []byte("from the fourth place")
	digest := protocol.HashOf(content)
	url := serve(t, func(w http.ResponseWriter, request *http.Request) {
		switch request.URL.Path {
		case "/" + api.ContentSourcesPath(digest):
			w.Write(api.ContentSourcesResponse{ContentSources: api.HashMap[[]api.ContentSource]{{
				Hash: digest.Any(), Value: []api.ContentSource{{URL: "gone"}, {URL: "broken"}, {URL: "other"}, {URL: "right"}},
			}}}.AppendJSON(nil))
		case "/broken":
			w.Header().Set("Content-Length", "1000")
			w.Write(content)
		case "/other":
			io.WriteString(w, "something that is quite a bit longer")
		case "/right":
			w.Write(content)
		default:
			http.Error(w, "gone", http.StatusGone)
		}
	})
	c, path := newClient(t, url, client.Options{}), filepath.Join(t.TempDir(), "file")
	if err := c.DownloadFile(t.Context(), digest, path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != string(content) {
		t.Errorf("downloaded %q, %v", got, err)
	}
	// A writer can not take back what it got from the second.
	_, err := c.DownloadTo(t.Context(), digest, io.Discard)
	if broken := as[*client.TransportError](t, err); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasSuffix(broken.URL, "/broken") {
		t.Errorf("the second place: %v", err)
	}
}

func TestSwappedNames(t *testing.T) {
	s := newScene(t)
	answer := func(change func(*api.FetchPackageNamesResponse)) error {
		url := lie(t, s.registry, func(_ string, _, answer []byte) []byte {
			names := decode[api.FetchPackageNamesResponse](t, answer)
			change(&names)
			return names.AppendJSON(nil)
		})
		_, err := newClient(t, url, client.Options{}).PackageNames(t.Context(), s.a.LogID(), s.b.LogID())
		return err
	}
	if err := answer(func(*api.FetchPackageNamesResponse) {}); err != nil {
		t.Fatal(err)
	}
	refused(t, answer(func(r *api.FetchPackageNamesResponse) {
		r.Packages[0].Value, r.Packages[1].Value = r.Packages[1].Value, r.Packages[0].Value
	}), client.ClaimName)
	refused(t, answer(func(r *api.FetchPackageNamesResponse) {
		r.Packages[0].Hash = protocol.HashOf().Any()
	}), client.ClaimName)
}

// A registry of another operator is refused by a client that pins the key, and
// by one that met the first registry before.
func TestOtherOperator(t *testing.T) {
	s := newScene(t)
	_, err := newClient(t, s.url, client.Options{OperatorKey: newKey(t).Public()}).Package(t.Context(), s.a)
	refused(t, err, client.ClaimOperatorKey)
	_, err = newClient(t, s.url, client.Options{OperatorKey: newKey(t).Public(), Store: s.known()}).Package(t.Context(), s.a)
	refused(t, err, client.ClaimOperatorKey)

	other, err := openRegistry()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.stop(); err != nil {
			t.Error(err)
		}
	}()
	_, err = newClient(t, other.url, client.Options{Store: s.known()}).Package(t.Context(), s.a)
	refused(t, err, client.ClaimConsistency) // it is shorter
}

// A package that was there can not be gone.
func TestGone(t *testing.T) {
	s := newScene(t)
	url := serve(t, func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/"+api.FetchLogsPath {
			missing := &api.FetchError{Variant: api.FetchLogNotFound, LogID: s.a.LogID().Any()}
			w.WriteHeader(missing.Status())
			w.Write(missing.AppendJSON(nil))
			return
		}
		s.handler.ServeHTTP(w, request)
	})
	_, err := newClient(t, url, client.Options{Store: s.known()}).Package(t.Context(), s.a)
	refused(t, err, client.ClaimPackageLog)
}

// Refusing to prove is no better than a wrong proof; being overloaded is.
func TestNoProofs(t *testing.T) {
	s := newScene(t)
	for _, status := range []uint16{404, 422, 500} {
		url := serve(t, func(w http.ResponseWriter, request *http.Request) {
			if request.URL.Path == "/"+api.ProveConsistencyPath {
				w.WriteHeader(int(status))
				w.Write((&api.MessageError{Code: status, Message: "no"}).AppendJSON(nil))
				return
			}
			s.handler.ServeHTTP(w, request)
		})
		_, err := newClient(t, url, client.Options{Store: s.known()}).Package(t.Context(), s.a)
		if as[*client.APIError](t, err).Status != int(status) {
			t.Errorf("error is %v", err)
		}
		if status == 500 {
			if lie := new(client.VerificationError); errors.As(err, &lie) {
				t.Errorf("a registry that fails is taken for one that lies: %v", err)
			}
			continue
		}
		refused(t, err, client.ClaimConsistency)
	}
}

func TestCheckpointAge(t *testing.T) {
	s := newScene(t)
	in := func(d time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(d) } }
	_, err := s.client(t, client.Options{MaxCheckpointAge: time.Hour, Now: in(2 * time.Hour)}).Checkpoint(t.Context())
	refused(t, err, client.ClaimAge)
	for _, o := range []client.Options{{MaxCheckpointAge: 3 * time.Hour, Now: in(2 * time.Hour)}, {Now: in(2 * time.Hour)}} {
		if _, err := s.client(t, o).Checkpoint(t.Context()); err != nil {
			t.Errorf("options %+v: %v", o, err)
		}
	}
}

// What a registry says of a record that was posted is not taken for true.
func TestRecordLies(t *testing.T) {
	r := sharedRegistry(t)
	key, content := newKey(t), client.ContentOfBytes([]byte("never uploaded"))
	say := func(what api.PackageRecord) *client.Client {
		return newClient(t, lie(t, r, func(path string, _, answer []byte) []byte {
			if !strings.HasPrefix(path, "v1/package/") {
				return answer
			}
			said := decode[api.PackageRecord](t, answer)
			if what.RecordID != "" {
				said.RecordID = what.RecordID
			} else {
				said.State, said.RegistryIndex, said.Reason = what.State, what.RegistryIndex, what.Reason
			}
			return said.AppendJSON(nil)
		}), client.Options{})
	}
	try := func(n string, c *client.Client) error {
		_, err := c.Publish(t.Context(), name(t, n), key, []client.Content{content}, client.Init(key.Public()), client.Release("1.0.0", content.Digest))
		return err
	}
	refused(t, try("example:record-lies-a", say(api.PackageRecord{RecordID: protocol.HashOf().Any()})), client.ClaimRecord)
	refused(t, try("example:record-lies-b", say(api.PackageRecord{State: api.StatePublished, RegistryIndex: 1})), client.ClaimRecord)

	other := name(t, "example:record-lies-c")
	publish(t, r.client(t, client.Options{}), other, key, nil, client.Init(key.Public()))
	_, err := say(api.PackageRecord{State: api.StatePublished, RegistryIndex: 1}).Publish(t.Context(), other, key, nil, client.Grant(key.Public(), protocol.PermissionYank))
	refused(t, err, client.ClaimRecord)
	_, err = say(api.PackageRecord{State: api.StateRejected, Reason: "just so"}).Publish(t.Context(), name(t, "example:record-lies-d"), key, nil, client.Init(key.Public()))
	if rejected := as[*client.RejectedError](t, err); rejected.Reason != "just so" {
		t.Errorf("rejected is %+v", rejected)
	}
}

package client_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
)

// refusing is in front of a registry and answers posts to paths that end so with
// an error.
func refusing(t *testing.T, r *registry, suffix string, refusal api.Error) *client.Client {
	t.Helper()
	return newClient(t, serve(t, func(w http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, suffix) {
			readAll(t, request.Body)
			w.WriteHeader(refusal.Status())
			w.Write(refusal.AppendJSON(nil))
			return
		}
		r.handler.ServeHTTP(w, request)
	}), client.Options{})
}

// Each refusal of a record becomes the error that says what to do.
func TestRefusedRecords(t *testing.T) {
	r, key := sharedRegistry(t), newKey(t)
	content := client.ContentOfBytes([]byte("refused"))
	tries := 0
	try := func(suffix string, refusal api.Error) error {
		n := name(t, fmt.Sprintf("example:refused-%c", 'a'+tries)) // a refused upload leaves a record
		tries++
		_, err := refusing(t, r, suffix, refusal).Publish(t.Context(), n, key, []client.Content{content},
			client.Init(key.Public()), client.Release("1.0.0", content.Digest))
		return err
	}
	other := content.Digest.Any() // some hash
	err := try("/record", &api.PackageError{Variant: api.ConflictPendingPublish, RecordID: other})
	if conflict := as[*client.ConflictError](t, err); conflict.Other != other || conflict.Name.String() != "example:refused-a" {
		t.Errorf("conflict is %+v", conflict)
	}
	as[*api.PackageError](t, err)
	err = try("/record", &api.PackageError{Variant: api.Rejection, Message: "a bad one"})
	if rejected := as[*client.RejectedError](t, err); rejected.Reason != "a bad one" || rejected.Name.String() != "example:refused-b" {
		t.Errorf("rejected is %+v", rejected)
	}
	err = try("/record", &api.PackageError{Variant: api.Unauthorized, Message: "not you"})
	if refusal := as[*api.PackageError](t, err); refusal.Variant != api.Unauthorized || refusal.Message != "not you" {
		t.Errorf("refusal is %+v", refusal)
	}
	// The registry's word alone does not send anybody elsewhere.
	err = try("/record", &api.PackageError{Variant: api.NamespaceImported, Namespace: "example"})
	if refusal := as[*api.PackageError](t, err); refusal.Variant != api.NamespaceImported {
		t.Errorf("refusal is %+v", refusal)
	}
	err = try(content.Digest.String(), &api.PackageError{Variant: api.Rejection, Message: "no component"})
	if rejected := as[*client.RejectedError](t, err); rejected.Reason != "no component" {
		t.Errorf("rejected is %+v", rejected)
	}
	err = try(content.Digest.String(), &api.MessageError{Code: 413, Message: "too large"})
	if refusal := as[*client.APIError](t, err); refusal.Status != 413 {
		t.Errorf("refusal is %+v", refusal)
	}
}

// Content that came from somebody else meanwhile is no failure.
func TestUploadedMeanwhile(t *testing.T) {
	r, key, n := sharedRegistry(t), newKey(t), name(t, "example:meanwhile")
	content := client.ContentOfBytes([]byte("uploaded by two"))
	c := refusing(t, r, content.Digest.String(), &api.PackageError{Variant: api.RecordNotSourcing})
	draft, err := c.Draft(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	record, err := draft.Sign(key, client.Init(key.Public()), client.Release("1.0.0", content.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Post(t.Context(), record, content); err != nil {
		t.Fatal(err)
	}
	if err := r.client(t, client.Options{}).Post(t.Context(), record, content); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(t.Context(), record); err != nil {
		t.Error(err)
	}
}

// The reference server answers that it does not know one of the logs, and
// nothing of the others.
func TestNamesOfUnknownLogs(t *testing.T) {
	r, key, n := sharedRegistry(t), newKey(t), name(t, "example:one-known")
	unknown := name(t, "example:one-unknown").LogID().Any()
	publish(t, r.client(t, client.Options{}), n, key, nil, client.Init(key.Public()))
	url := serve(t, func(w http.ResponseWriter, request *http.Request) {
		asked := readAll(t, request.Body)
		if strings.Contains(string(asked), string(unknown)) {
			missing := &api.FetchError{Variant: api.FetchLogNotFound, LogID: unknown}
			w.WriteHeader(missing.Status())
			w.Write(missing.AppendJSON(nil))
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(asked))
		r.handler.ServeHTTP(w, request)
	})
	got, err := newClient(t, url, client.Options{}).PackageNames(t.Context(), n.LogID(), name(t, "example:one-unknown").LogID())
	if err != nil || len(got) != 1 || got[n.LogID()] != n {
		t.Errorf("names %v, %v; want one", got, err)
	}
}

// A registry may say who has a package that it does not have.
func TestHint(t *testing.T) {
	r := sharedRegistry(t)
	url := serve(t, func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set(api.RegistryHintHeader, "example=hint.example.org")
		r.handler.ServeHTTP(w, request)
	})
	_, err := newClient(t, url, client.Options{}).Package(t.Context(), name(t, "example:hinted"))
	if missing := as[*client.NotFoundError](t, err); missing.Hint != "example=hint.example.org" {
		t.Errorf("missing is %+v", missing)
	}
}

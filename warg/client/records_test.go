package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// All records are read from the first, whatever is remembered.
func TestRecords(t *testing.T) {
	r := sharedRegistry(t)
	folder, err := client.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, key, n := r.client(t, client.Options{Store: folder}), newKey(t), name(t, "example:records")
	if names, err := folder.Packages(); len(names) != 0 || err != nil {
		t.Errorf("an empty store has %v, %v", names, err)
	}
	content := client.ContentOfBytes([]byte("of the records"))
	publish(t, c, n, key, nil, client.Init(key.Public()))
	p := publish(t, c, n, key, []client.Content{content}, client.Release("1.0.0", content.Digest), client.Release("1.1.0", content.Digest))
	publish(t, c, n, key, nil, client.Yank("1.0.0"))
	for range 2 {
		records, whole, err := c.Records(t.Context(), n)
		if err != nil || len(records) != 3 || records[1].ID != p.Head || records[1].Index != p.HeadIndex || whole.Head != records[2].ID {
			t.Fatalf("records %v, package %+v, %v", records, whole, err)
		}
		// The log forgets the content of what was yanked; its records do not.
		if got := records[1].Record.Entries[0].Content; got != content.Digest.Any() {
			t.Errorf("the second record releases %s", got)
		}
	}
	if names, err := folder.Packages(); len(names) != 1 || names[0] != n || err != nil {
		t.Errorf("the store has %v, %v", names, err)
	}
	if size, known, err := c.ContentSize(t.Context(), content.Digest); size != 14 || !known || err != nil {
		t.Errorf("the content has the size %d, %v, %v", size, known, err)
	}
	if _, _, err := c.ContentSize(t.Context(), protocol.HashOf([]byte("unknown"))); as[*client.APIError](t, err).Status != http.StatusNotFound {
		t.Errorf("unknown content: %v", err)
	}
	_, _, err = c.Records(t.Context(), name(t, "example:records-missing"))
	as[*client.NotFoundError](t, err)

	// Somebody else waits for a record.
	reader := r.client(t, client.Options{})
	if got, err := reader.WaitFor(t.Context(), n, p.Head); err != nil || got.HeadIndex <= p.HeadIndex {
		t.Errorf("wait for a published record: %+v, %v", got, err)
	}
	_, err = reader.WaitFor(t.Context(), n, protocol.Hash{})
	as[*client.APIError](t, err)

	// A log that has lost what is remembered is refused, though it is read anew.
	url := lie(t, r, func(path string, _, answer []byte) []byte {
		if path != api.FetchLogsPath {
			return answer
		}
		response := decode[api.FetchLogsResponse](t, answer)
		response.Packages[0].Value = response.Packages[0].Value[:2]
		return marshal(t, response)
	})
	_, _, err = newClient(t, url, client.Options{Store: folder}).Records(t.Context(), n)
	refused(t, err, client.ClaimPackageLog)
}

// A registry that does not know the place of a record which it has given denies it. One
// that speaks of another place says nothing.
func TestDeniedRecord(t *testing.T) {
	s := newScene(t)
	for _, denied := range []string{"operator", "package", "unknown"} {
		url := serve(t, func(w http.ResponseWriter, request *http.Request) {
			if !strings.HasSuffix(request.URL.Path, api.FetchLogsPath) {
				s.handler.ServeHTTP(w, request)
				return
			}
			asked := decode[api.FetchLogsRequest](t, readAll(t, request.Body))
			refusal := api.FetchError{Variant: api.FetchTokenNotFound, FetchToken: "unknown"}
			switch denied {
			case "operator":
				refusal.FetchToken = *asked.Operator
			case "package":
				refusal.FetchToken = *asked.Packages[0].Value
			}
			w.WriteHeader(refusal.Status())
			w.Write(marshal(t, &refusal))
		})
		_, err := newClient(t, url, client.Options{Store: s.known()}).Package(t.Context(), s.a)
		switch denied {
		case "operator":
			refused(t, err, client.ClaimOperatorLog)
		case "package":
			refused(t, err, client.ClaimPackageLog)
		default:
			var lie *client.VerificationError
			if as[*client.APIError](t, err); errors.As(err, &lie) {
				t.Errorf("%v", err)
			}
		}
	}
}

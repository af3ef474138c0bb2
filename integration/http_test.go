package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ask sends a request, with question as JSON unless it is nil, and returns the
// status and what came back.
func (s *server) ask(t *testing.T, method, path string, question any) (int, []byte) {
	t.Helper()
	var body io.Reader
	if question != nil {
		text, err := json.Marshal(question)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if question != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, received
}

// mustAsk is ask for a question that must be answered, with JSON that is
// decoded into answer.
func (s *server) mustAsk(t *testing.T, method, path string, question, answer any) {
	t.Helper()
	status, received := s.ask(t, method, path, question)
	if status != http.StatusOK {
		t.Fatalf("%s %s: status %d: %s", method, path, status, received)
	}
	if err := json.Unmarshal(received, answer); err != nil {
		t.Fatalf("%s %s: %v in %q", method, path, err, received)
	}
}

// logLength returns how many records the newest checkpoint covers.
func (s *server) logLength(t *testing.T) uint64 {
	t.Helper()
	var checkpoint struct {
		Contents struct{ LogLength uint64 }
	}
	s.mustAsk(t, http.MethodGet, "/v1/fetch/checkpoint", nil, &checkpoint)
	return checkpoint.Contents.LogLength
}

// recordState is what the server says of a record.
type recordState struct {
	State         string
	Reason        string // rejected: why
	RegistryIndex *uint64
}

func (s *server) recordState(t *testing.T, name, recordID string) (state recordState) {
	t.Helper()
	path := fmt.Sprintf("/v1/package/%s/record/%s", logID(t, name), recordID)
	s.mustAsk(t, http.MethodGet, path, nil, &state)
	return state
}

// log returns the published records of a package, one line each, as any HTTP
// client can fetch them.
func (s *server) log(t *testing.T, name string) (records []string) {
	t.Helper()
	id, length := logID(t, name), s.logLength(t)
	var token *string // nil: from the beginning
	for more := true; more; {
		var answer struct {
			More     bool
			Packages map[string][]struct {
				ContentBytes []byte
				FetchToken   string
			}
		}
		s.mustAsk(t, http.MethodPost, "/v1/fetch/logs",
			map[string]any{"logLength": length, "packages": map[string]*string{id: token}}, &answer)
		for _, r := range answer.Packages[id] {
			record, err := protocol.DecodePackageRecord(r.ContentBytes)
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, describe(record))
			token = &r.FetchToken
		}
		more = answer.More
	}
	return records
}

// checkLog compares the published records of a package with those expected.
func (s *server) checkLog(t *testing.T, name string, want ...string) {
	t.Helper()
	if got := s.log(t, name); !slices.Equal(got, want) {
		t.Errorf("the log of %s is\n\t%s\nwant\n\t%s", name, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// describe says what a record does.
func describe(record *protocol.PackageRecord) string {
	var entries []string
	for _, e := range record.Entries {
		switch e.Type {
		case protocol.EntryInit:
			entries = append(entries, "init by "+string(e.Key.ID()))
		case protocol.EntryRelease:
			entries = append(entries, "release "+e.Version)
		case protocol.EntryYank:
			entries = append(entries, "yank "+e.Version)
		case protocol.EntryGrantFlat:
			entries = append(entries, fmt.Sprintf("grant %v to %s", e.Permissions, e.Key.ID()))
		case protocol.EntryRevokeFlat:
			entries = append(entries, fmt.Sprintf("revoke %v from %s", e.Permissions, e.KeyID))
		}
	}
	return strings.Join(entries, ", ")
}

func logID(t *testing.T, name string) string {
	t.Helper()
	parsed, err := protocol.ParsePackageName(name)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.LogID().String()
}

// checkNotFound makes sure that nothing of a package is published.
func (s *server) checkNotFound(t *testing.T, name string) {
	t.Helper()
	question := map[string]any{"logLength": s.logLength(t), "packages": map[string]any{logID(t, name): nil}}
	status, answer := s.ask(t, http.MethodPost, "/v1/fetch/logs", question)
	if status != http.StatusNotFound {
		t.Errorf("the log of %s: status %d, want 404: %s", name, status, answer)
	}
}

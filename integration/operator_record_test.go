package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/policy"
	"github.com/warg-trillian/warg-trillian/warg/api"
	goclient "github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// operatorLogOf returns the records of a server's operator log, verified.
func operatorLogOf(t *testing.T, s *server) []goclient.LoggedOperatorRecord {
	t.Helper()
	c, err := goclient.New(s.url, goclient.Options{})
	must(t, err)
	records, _, err := c.OperatorRecords(t.Context())
	must(t, err)
	return records
}

// defines is a record that defines namespaces, behind the newest of a server's operator log.
func defines(t *testing.T, s *server, namespaces ...string) *protocol.OperatorRecord {
	t.Helper()
	all := operatorLogOf(t, s)
	r := &protocol.OperatorRecord{Prev: all[len(all)-1].ID.Any(), Time: protocol.TimeOf(time.Now())}
	for _, n := range namespaces {
		r.Entries = append(r.Entries, protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: n})
	}
	return r
}

// An operator record is taken once, by the registry that it was signed for. What is refused
// is refused with a reason that tells people what to do, and changes nothing.
func TestOperatorRecordsAreOfOneRegistry(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "operator.key")
	must(t, os.WriteFile(file, nil, 0o600))
	key := addKey(t, file)
	here, there := startServer(t, "--operator-key-file", file), startServer(t, "--operator-key-file", file)
	operated(t, here, "namespace", "define", "alive", "--yes", "--operator-key-file", file)
	operated(t, there, "namespace", "define", "elsewhere", "--yes", "--operator-key-file", file)
	own, foreign := operatorLogOf(t, here), operatorLogOf(t, there)
	if len(own) != 2 || len(foreign) != 2 {
		t.Fatalf("the registries have %d and %d operator records, want 2 each", len(own), len(foreign))
	}

	var many []string
	for n := 0; n*45 <= policy.MaxRecordSize; n++ {
		many = append(many, fmt.Sprintf("a%040d", n))
	}
	large := defines(t, here, many...)
	entries := defines(t, here, many[:policy.MaxEntries+1]...)
	next := defines(t, here, "next")
	asPackage := protocol.Envelope{Content: next.Encode(), KeyID: key.Public().ID(), Signature: key.Sign(protocol.PackageRecordSignature, next.Encode())}
	huge := protocol.Envelope{Content: make([]byte, 1<<20), KeyID: key.Public().ID(), Signature: asPackage.Signature}
	length := here.logLength(t)
	for _, c := range []struct {
		what     string
		envelope protocol.Envelope
		status   int
		says     string
	}{
		{"the first record again", own[0].Envelope, http.StatusAccepted, `"state":"published"`},
		{"the newest again", own[1].Envelope, http.StatusAccepted, `"state":"published"`},
		{"the first record of another registry of the same key", foreign[0].Envelope, http.StatusConflict, own[1].ID.String()},
		{"another record of that registry", foreign[1].Envelope, http.StatusConflict, own[1].ID.String()},
		{"signed as a package record", asPackage, http.StatusUnauthorized, "signature verification failed"},
		{"a record larger than any may be", large.Sign(key), http.StatusUnprocessableEntity, fmt.Sprintf("more than %d", policy.MaxRecordSize)},
		{"more entries than any may have", entries.Sign(key), http.StatusUnprocessableEntity, fmt.Sprintf("more than %d", policy.MaxEntries)},
		{"a body larger than any may be", huge, http.StatusRequestEntityTooLarge, "length limit exceeded"},
	} {
		status, said := here.ask(t, http.MethodPost, "/"+api.OperatorRecordsPath, api.PublishOperatorRequest{Record: c.envelope})
		if status != c.status || !strings.Contains(string(said), c.says) {
			t.Errorf("%s: status %d, want %d and %q: %.500s", c.what, status, c.status, c.says, said)
		}
	}
	if now := operatorLogOf(t, here); len(now) != 2 || now[1].ID != own[1].ID || here.logLength(t) != length {
		t.Errorf("the operator log has %d records, the registry's %d, want 2 and %d", len(now), here.logLength(t), length)
	}
	// The same as before, signed for what it is.
	if status, said := here.ask(t, http.MethodPost, "/"+api.OperatorRecordsPath, api.PublishOperatorRequest{Record: next.Sign(key)}); status != http.StatusAccepted {
		t.Errorf("the next record: status %d: %s", status, said)
	}
}

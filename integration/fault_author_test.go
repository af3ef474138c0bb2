package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// retryDelay is how long a request to a server that is down waits to be made
// again.
const retryDelay = 5 * time.Millisecond

// signedRecord is a package record, ready to be posted.
type signedRecord struct {
	pkg     protocol.PackageName
	id      protocol.Hash
	content []byte // of the release; nil without one
	body    []byte
}

func (r *signedRecord) leaf() protocol.LogLeaf {
	return protocol.LogLeaf{LogID: r.pkg.LogID(), RecordID: r.id}
}

func (r *signedRecord) path() string { return "/" + api.PackageRecordPath(r.pkg.LogID(), r.id) }

func (r *signedRecord) uploadPath() string {
	return "/" + api.UploadContentPath(r.pkg.LogID(), r.id, protocol.HashOf(r.content))
}

// author signs the records of a package one after the other, without the
// official client: for what that client would never send, or not so fast.
type author struct {
	key     protocol.PrivateKey
	pkg     protocol.PackageName
	head    protocol.AnyHash
	records int
}

func newAuthor(t *testing.T, packageName string) *author {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := protocol.ParsePackageName(packageName)
	if err != nil {
		t.Fatal(err)
	}
	return &author{key: key, pkg: pkg}
}

// begin signs the init record.
func (a *author) begin() *signedRecord {
	return a.sign(nil, protocol.PackageEntry{Type: protocol.EntryInit, Key: a.key.Public()})
}

// release signs a release of the next version.
func (a *author) release(content []byte) *signedRecord {
	return a.sign(content, a.releaseEntry(content))
}

func (a *author) releaseEntry(content []byte) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRelease, Version: fmt.Sprintf("1.0.%d", a.records), Content: protocol.HashOf(content).Any()}
}

// sign signs a record that follows the one before, and remembers it as that.
func (a *author) sign(content []byte, entries ...protocol.PackageEntry) *signedRecord {
	return a.signAt(time.Now(), content, entries...)
}

// signAt is sign with the time that the record claims.
func (a *author) signAt(at time.Time, content []byte, entries ...protocol.PackageEntry) *signedRecord {
	record := protocol.PackageRecord{Prev: a.head, Time: protocol.TimeOf(at), Entries: entries}
	envelope := record.Sign(a.key)
	r := &signedRecord{
		pkg: a.pkg, id: protocol.PackageRecordID(envelope.Content), content: content,
		body: api.PublishRecordRequest{PackageName: a.pkg, Record: envelope}.AppendJSON(nil),
	}
	a.head = r.id.Any()
	a.records++
	return r
}

// request makes a request and returns what came back. Other than [server.ask] it
// is for servers that may be down, and for any goroutine.
func request(ctx context.Context, method, url, contentType string, body io.Reader) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// insist makes a request again and again until the server answers it.
func insist(ctx context.Context, method, url, contentType string, body []byte) (int, []byte, error) {
	for {
		status, answer, err := request(ctx, method, url, contentType, bytes.NewReader(body))
		if err == nil {
			return status, answer, nil
		}
		if ctx.Err() != nil {
			return 0, nil, errors.Join(ctx.Err(), err)
		}
		time.Sleep(retryDelay)
	}
}

// send posts a record and returns what the server says of it.
func (s *server) send(t *testing.T, r *signedRecord) (status int, answer []byte) {
	t.Helper()
	status, answer, err := request(t.Context(), http.MethodPost,
		s.url+"/"+api.PublishRecordPath(r.pkg.LogID()), "application/json", bytes.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// mustSend posts a record that must be accepted.
func (s *server) mustSend(t *testing.T, records ...*signedRecord) {
	t.Helper()
	for _, r := range records {
		if status, answer := s.send(t, r); status != http.StatusAccepted {
			t.Fatalf("posting record %s of %s: status %d: %s", r.id, r.pkg, status, answer)
		}
	}
}

// upload posts the content of a record.
func (s *server) upload(t *testing.T, r *signedRecord, content []byte) (status int, answer []byte) {
	t.Helper()
	status, answer, err := request(t.Context(), http.MethodPost, s.url+r.uploadPath(), "", bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// waitPublished waits until records are published.
func (s *server) waitPublished(t *testing.T, records ...*signedRecord) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for _, r := range records {
		for {
			state := s.recordState(t, r.pkg.String(), r.id.String())
			if state.State == string(api.StatePublished) {
				break
			}
			if state.State != string(api.StateProcessing) || time.Now().After(deadline) {
				t.Fatalf("record %s of %s is %s (%s), want it published", r.id, r.pkg, state.State, state.Reason)
			}
			time.Sleep(retryDelay)
		}
	}
}

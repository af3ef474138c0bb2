package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// refusal is a record that a server must refuse.
type refusal struct {
	name    string
	key     protocol.PrivateKey
	record  protocol.PackageRecord
	spoil   func(*protocol.Envelope) // changes the signed record; may be nil
	pkg     string                   // another package than the test's
	status  int
	message string // in the body
}

// TestRefusedRecords posts records that the protocol or this registry's rules
// refuse. None of them leaves anything behind.
func TestRefusedRecords(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a := newAuthor(t, "example:well-formed")
	records := []*signedRecord{a.begin(), a.release(module("content"))}
	s.mustSend(t, records...)
	if status, answer := s.upload(t, records[1], records[1].content); status != http.StatusCreated {
		t.Fatalf("uploading: status %d: %s", status, answer)
	}
	s.waitPublished(t, records...)
	for _, c := range refusals(t, a, protocol.HashOf(records[1].content)) {
		t.Run(c.name, func(t *testing.T) {
			status, answer := s.post(t, a, c)
			if status != c.status || !strings.Contains(string(answer), c.message) {
				t.Errorf("status %d: %s\nwant status %d, and in the body %s", status, answer, c.status, c.message)
			}
		})
	}
	last := a.release(records[1].content)
	s.mustSend(t, last)
	s.waitPublished(t, last)
	s.audit(t, append(records, last))
	if said := s.stderr.String(); strings.Contains(said, "level=ERROR") {
		t.Errorf("the server takes refusals for errors of its own: %s", said)
	}
}

func (s *server) post(t *testing.T, a *author, c refusal) (int, []byte) {
	t.Helper()
	pkg := a.pkg
	if c.pkg != "" {
		pkg = newAuthor(t, c.pkg).pkg
	}
	envelope := c.record.Sign(c.key)
	if c.spoil != nil {
		c.spoil(&envelope)
	}
	return s.send(t, &signedRecord{pkg: pkg, body: api.PublishRecordRequest{PackageName: pkg, Record: envelope}.AppendJSON(nil)})
}

// refusals are about the log of an author who has released version 1.0.1 with
// that digest.
func refusals(t *testing.T, a *author, digest protocol.Hash) []refusal {
	t.Helper()
	now := protocol.Time{Seconds: 4_000_000_000} // later than any record there is
	stranger := newAuthor(t, "example:stranger").key
	begin := protocol.PackageEntry{Type: protocol.EntryInit, Key: a.key.Public()}
	release := func(version string, content protocol.AnyHash) protocol.PackageEntry {
		return protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: content}
	}
	next := func(entries ...protocol.PackageEntry) protocol.PackageRecord {
		return protocol.PackageRecord{Prev: a.head, Time: now, Entries: entries}
	}
	good := next(release("2.0.0", digest.Any()))
	spoilContent := func(content []byte) func(*protocol.Envelope) {
		return func(e *protocol.Envelope) {
			*e = protocol.Envelope{Content: content, KeyID: e.KeyID, Signature: a.key.Sign(protocol.PackageRecordSignature, content)}
		}
	}
	early := good
	early.Time = protocol.Time{Seconds: 1}
	newer := good
	newer.Version = 1
	elsewhere := good
	elsewhere.Prev = protocol.HashOf([]byte("elsewhere")).Any()
	first := protocol.PackageRecord{Time: now, Entries: []protocol.PackageEntry{begin}}
	var many []protocol.PackageEntry
	for i := range 1001 {
		many = append(many, release(fmt.Sprintf("3.0.%d", i), digest.Any()))
	}
	return []refusal{
		{name: "content that is no record", key: a.key, record: good, spoil: spoilContent([]byte{0xff}), status: 400},
		{name: "empty content", key: a.key, record: good, spoil: spoilContent(nil), status: 400},
		{name: "content cut off", key: a.key, record: good, spoil: spoilContent(good.Encode()[:40]), status: 400},
		{name: "no semantic version", key: a.key, record: next(release("1.0", digest.Any())), status: 400},
		{name: "digest of an unknown algorithm", key: a.key, record: next(release("2.0.0", "md5:00")), status: 400},
		{name: "digest of another length", key: a.key, record: next(release("2.0.0", "sha256:00")), status: 400},

		{name: "unknown key", key: stranger, record: good, status: 401, message: fmt.Sprintf("unknown key id `%s`", stranger.Public().ID())},
		{name: "key id that is none", key: a.key, record: good, spoil: func(e *protocol.Envelope) { e.KeyID = "\"\x00" }, status: 401,
			message: `unknown key id ` + "`" + `\"\u0000` + "`"},
		{name: "unknown key in a record that needs no permission", key: stranger, record: next(), status: 401,
			message: fmt.Sprintf("unknown key id `%s`", stranger.Public().ID())},
		{name: "signature of something else", key: a.key, record: good,
			spoil:  func(e *protocol.Envelope) { e.Signature = a.key.Sign(protocol.OperatorRecordSignature, e.Content) },
			status: 401, message: "record signature verification failed"},
		{name: "stranger who grants himself nothing", key: stranger, status: 401,
			record: next(protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: stranger.Public()})},

		{name: "first record of a package without init", key: a.key, pkg: "example:other", status: 401,
			record: protocol.PackageRecord{Time: now, Entries: []protocol.PackageEntry{release("1.0.0", digest.Any())}}},
		{name: "init again", key: a.key, record: next(begin), status: 422},
		{name: "first record again, changed", key: a.key, record: first, status: 422},
		{name: "earlier than the record before", key: a.key, record: early, status: 422},
		{name: "another protocol version", key: a.key, record: newer, status: 422},
		{name: "after a record that is not there", key: a.key, record: elsewhere, status: 422},
		{name: "version released again", key: a.key, record: next(release("1.0.1", digest.Any())), status: 422},
		{name: "yank of what was not released", key: a.key, status: 422,
			record: next(protocol.PackageEntry{Type: protocol.EntryYank, Version: "9.0.0"})},
		{name: "no entries", key: a.key, record: next(), status: 422},
		{name: "too many entries", key: a.key, record: next(many...), status: 422},

		{name: "namespace that is not defined", key: a.key, record: first, pkg: "nowhere:other", status: 404,
			message: `{"status":404,"type":"namespace","id":"nowhere"}`},
	}
}

// TestUploads uploads in the wrong order, twice, wrong bytes, and half.
func TestUploads(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a := newAuthor(t, "example:uploads")
	records := []*signedRecord{a.begin()}
	for i := range 4 {
		records = append(records, a.release(module(fmt.Sprint("upload ", i))))
	}
	other := newAuthor(t, "example:same-content")
	records = append(records, other.begin(), other.release(records[2].content))
	s.mustSend(t, records...)

	expectUpload := func(r *signedRecord, content []byte, want int, message string) {
		t.Helper()
		if status, answer := s.upload(t, r, content); status != want || !strings.Contains(string(answer), message) {
			t.Errorf("uploading: status %d: %s\nwant status %d, and in the body %q", status, answer, want, message)
		}
	}
	expectUpload(records[4], records[4].content, 201, "")
	expectUpload(records[1], records[2].content, 400, fmt.Sprintf("`%s`", protocol.HashOf(records[2].content)))
	expectUpload(records[1], records[1].content[:9], 400, "")
	s.interruptUpload(t, records[3])
	expectUpload(records[3], records[3].content, 201, "")
	expectUpload(records[3], records[3].content, 201, "") // it is here already
	s.expectState(t, records[3], api.StateProcessing)     // waits for those before it
	expectUpload(records[2], records[2].content, 201, "")
	expectUpload(records[6], records[6].content, 201, "") // came with the other package's
	wrongDigest := *records[1]
	wrongDigest.content = records[2].content
	expectUpload(&wrongDigest, records[2].content, 400, "is not required")
	s.expectState(t, records[1], api.StateSourcing)
	expectUpload(records[1], records[1].content, 201, "")
	s.waitPublished(t, records...)
	expectUpload(records[1], records[1].content, 201, "")
	expectUpload(&wrongDigest, records[2].content, 405, `{"status":405}`)
	s.audit(t, records)
}

func (s *server) expectState(t *testing.T, r *signedRecord, want api.RecordState) {
	t.Helper()
	if state := s.recordState(t, r.pkg.String(), r.id.String()); state.State != string(want) {
		t.Errorf("record %s of %s is %+v, want %s", r.id, r.pkg, state, want)
	}
}

// TestUploadThatNeverComes: a record whose content does not come in time is
// rejected, with those behind it, and its log goes on without them.
func TestUploadThatNeverComes(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	records := s.publishOne(t, "example:there")
	a := newAuthor(t, "example:waiting")
	first := a.begin()
	head := a.head
	late, behind := a.release(module("never sent")), a.release(records[1].content)
	s.mustSend(t, first, late, behind)
	s.waitPublished(t, first)
	s.expectState(t, behind, api.StateProcessing)
	s.stop(t)
	time.Sleep(1100 * time.Millisecond) // times of acceptance are kept in seconds
	s.flags = append(s.flags, "--upload-timeout", "1ms")
	s.start(t)
	s.waitRejected(t, late, "its content was not uploaded within")
	s.waitRejected(t, behind, fmt.Sprintf("record `%s` before it was rejected", late.id))
	if status, answer := s.upload(t, late, late.content); status != http.StatusMethodNotAllowed {
		t.Errorf("uploading for a rejected record: status %d: %s", status, answer)
	}
	if status, answer := s.send(t, late); status != http.StatusUnprocessableEntity {
		t.Errorf("posting a rejected record again: status %d: %s", status, answer)
	}
	a.head = head
	next := a.release(records[1].content)
	s.mustSend(t, next)
	s.waitPublished(t, next)
	s.audit(t, append(records, first, next))
}

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/upgrade/manifest"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// checkRejected: what was rejected is so for the same reason, and is refused when
// it is posted again.
func (u *upgraded) checkRejected(t *testing.T) {
	some := false
	u.each(func(p *manifest.Package, r *manifest.Record) {
		if r.State != api.StateRejected {
			return
		}
		some = true
		state := u.recordState(t, p.Name.String(), r.ID.String())
		if state.State != string(api.StateRejected) || state.Reason != r.Reason {
			t.Errorf("record %s of %s is %+v, it was rejected: %s", r.ID, p.Name, state, r.Reason)
		}
		if status, answer := u.send(t, signed(p, r)); status != http.StatusUnprocessableEntity {
			t.Errorf("posting rejected record %s of %s again: status %d: %s", r.ID, p.Name, status, answer)
		}
	})
	if !some {
		t.Error("nothing was rejected: this test shows nothing")
	}
}

// checkInFlight: what was complete and not published when the earlier version
// was killed is published.
func (u *upgraded) checkInFlight(t *testing.T) {
	some := false
	u.each(func(p *manifest.Package, r *manifest.Record) {
		if r.InFlight {
			some = true
			u.waitPublished(t, signed(p, r))
			u.published = append(u.published, signed(p, r))
		}
	})
	if !some {
		t.Error("nothing was under way: this test shows nothing")
	}
}

// checkWaiting: a record without its content waits for the same as before, and
// one that is complete waits behind it. Posting it again changes nothing.
func (u *upgraded) checkWaiting(t *testing.T) {
	waiting := map[api.RecordState]int{}
	u.each(func(p *manifest.Package, r *manifest.Record) {
		if !r.Waits() {
			return
		}
		waiting[r.State]++
		u.checkWaits(t, p, r)
		if status, answer := u.send(t, signed(p, r)); status != http.StatusAccepted {
			t.Errorf("posting waiting record %s of %s again: status %d: %s", r.ID, p.Name, status, answer)
		}
		u.checkWaits(t, p, r)
	})
	if waiting[api.StateSourcing] < 2 || waiting[api.StateProcessing] < 2 {
		t.Errorf("only %v records wait: that is too little to show anything", waiting)
	}
}

func (u *upgraded) checkWaits(t *testing.T, p *manifest.Package, r *manifest.Record) {
	t.Helper()
	var state struct {
		State          api.RecordState
		MissingContent map[protocol.Hash]json.RawMessage
	}
	u.mustAsk(t, http.MethodGet, signed(p, r).path(), nil, &state)
	missing := slices.Collect(maps.Keys(state.MissingContent))
	slices.SortFunc(missing, func(a, b protocol.Hash) int { return bytes.Compare(a[:], b[:]) })
	if state.State != r.State || !slices.Equal(missing, r.Missing) {
		t.Errorf("record %s of %s is %s and misses %v; it was %s and missed %v", r.ID, p.Name, state.State, missing, r.State, r.Missing)
	}
}

// resume returns the author of a package at its published head.
func (u *upgraded) resume(t *testing.T, name string) *author {
	t.Helper()
	p := u.packages[name]
	key, err := protocol.ParsePrivateKey(p.Owner)
	if err != nil {
		t.Fatal(err)
	}
	a := &author{key: key, pkg: p.Name, records: 100} // so that versions are new
	for _, r := range u.published {
		if r.pkg == p.Name {
			a.head = r.id.Any()
		}
	}
	return a
}

// overtake: beside a record that waits, its author publishes another one after
// the same predecessor, which wins: as the second record of a package, and as the
// first.
func (u *upgraded) overtake(t *testing.T) {
	for _, name := range []string{"twin-b", "from-the-start"} {
		a := u.resume(t, name)
		var winner *signedRecord
		if a.head == "" {
			winner = a.begin()
		} else {
			winner = a.sign(nil, protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: newAuthor(t, "example:guest").key.Public(),
				Permissions: []protocol.PackagePermission{protocol.PermissionYank}})
		}
		u.mustPublish(t, winner)
		for _, r := range u.packages[name].Records {
			if r.Waits() {
				u.waitRejected(t, signed(u.packages[name], r), fmt.Sprintf("superseded by record `%s`", winner.id))
			}
		}
		// The version that the loser would have released is free.
		a.records = 0
		next := a.release(u.anyContent(t))
		u.mustPublish(t, next)
	}
}

// mustPublish posts records that wait for nothing.
func (u *upgraded) mustPublish(t *testing.T, records ...*signedRecord) {
	t.Helper()
	u.mustSend(t, records...)
	u.waitPublished(t, records...)
	u.published = append(u.published, records...)
}

// anyContent is a content that the earlier version has stored.
func (u *upgraded) anyContent(t *testing.T) []byte {
	t.Helper()
	for _, content := range u.Contents {
		if bytes.HasSuffix(content, []byte("noteone")) {
			return content
		}
	}
	t.Fatal("the manifest lacks the content")
	return nil
}

// complete uploads what is waited for, from the end of each chain to its
// beginning: all of it is published, but for what is left for the restart.
func (u *upgraded) complete(t *testing.T) {
	for _, name := range []string{"chain", "yank-behind", "twin-a", "two-contents"} {
		p := u.packages[name]
		for _, r := range slices.Backward(p.Records) {
			for _, digest := range r.Missing {
				upload := signed(p, r)
				upload.content = u.Contents[digest]
				if status, answer := u.upload(t, upload, upload.content); status != http.StatusCreated {
					t.Errorf("uploading for record %s of %s: status %d: %s", r.ID, p.Name, status, answer)
				}
			}
		}
		for _, r := range p.Records {
			if !r.Waits() {
				continue
			}
			u.waitPublished(t, signed(p, r))
			u.published = append(u.published, signed(p, r))
			envelope, err := r.Envelope()
			if err != nil {
				t.Fatal(err)
			}
			u.checkContents(t, envelope)
		}
	}
}

// goOn publishes one more release in each package that has a published record,
// in one that has none, and in a new one. Who lost a permission has none.
func (u *upgraded) goOn(t *testing.T) {
	begun := map[string]bool{}
	for _, r := range u.published {
		begun[r.pkg.Name()] = true
	}
	for _, p := range u.Packages {
		name := p.Name.Name()
		if name == "in-flight-and-waiting" {
			continue // the restart needs it
		}
		a := u.resume(t, name)
		if !begun[name] {
			u.mustPublish(t, a.begin())
		}
		var next *signedRecord
		if name == "ahead" { // dated ahead, like the record before it
			next = a.signAt(u.timeOf(t, name), nil, a.releaseEntry(u.anyContent(t)))
		} else {
			next = a.release(u.anyContent(t))
		}
		u.mustPublish(t, next)
	}
	fresh := newAuthor(t, "example:new")
	u.mustPublish(t, fresh.begin(), fresh.release(u.anyContent(t)))

	revoked := u.resume(t, "history")
	var err error
	if revoked.key, err = protocol.ParsePrivateKey(u.packages["history"].Delegate); err != nil {
		t.Fatal(err)
	}
	if status, answer := u.send(t, revoked.release(u.anyContent(t))); status < 400 {
		t.Errorf("a key that was revoked publishes: status %d: %s", status, answer)
	}
	u.audit(t, u.published)
}

// timeOf is the time of the newest record that the earlier version has published
// of a package.
func (u *upgraded) timeOf(t *testing.T, name string) time.Time {
	t.Helper()
	records := u.packages[name].Records
	envelope, err := records[len(records)-1].Envelope()
	if err != nil {
		t.Fatal(err)
	}
	record, err := protocol.DecodePackageRecord(envelope.Content)
	if err != nil {
		t.Fatal(err)
	}
	return record.Time.Std()
}

// restart starts the server once more, with hardly any time to upload: what waits
// is rejected, and its package goes on.
func (u *upgraded) restart(t *testing.T) {
	u.stop(t)
	u.flags[slices.Index(u.flags, noTimeout)] = "1ms"
	u.start(t)
	p := u.packages["in-flight-and-waiting"]
	for _, r := range p.Records {
		if r.Waits() {
			u.waitRejected(t, signed(p, r), "its content was not uploaded within")
		}
	}
	u.mustPublish(t, u.resume(t, p.Name.Name()).release(u.anyContent(t)))
	u.audit(t, u.published)
	if said := u.stderr.String(); strings.Contains(said, "level=ERROR") {
		t.Errorf("the server said: %s", said)
	}
}

// checkContents checks that the contents of a published record are served.
func (u *upgraded) checkContents(t *testing.T, envelope protocol.Envelope) {
	t.Helper()
	record, err := protocol.DecodePackageRecord(envelope.Content)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range record.Contents() {
		digest, err := text.Hash()
		if err != nil {
			t.Fatal(err)
		}
		var sources api.ContentSourcesResponse
		u.mustAsk(t, http.MethodGet, "/"+api.ContentSourcesPath(digest), nil, &sources)
		url := sources.ContentSources[0].Value[0].URL
		status, content, err := request(t.Context(), http.MethodGet, url, "", nil)
		if err != nil || status != http.StatusOK || !bytes.Equal(content, u.Contents[digest]) {
			t.Errorf("content %s: status %d, %d bytes, %v", digest, status, len(content), err)
		}
	}
}

// fetchLog fetches the records that a package had at a length of the log.
func (u *upgraded) fetchLog(t *testing.T, length uint64, logID protocol.Hash) (envelopes []protocol.Envelope) {
	t.Helper()
	question := api.FetchLogsRequest{LogLength: length, Packages: api.HashMap[*string]{{Hash: logID.Any()}}}
	var answer api.FetchLogsResponse
	u.mustAsk(t, http.MethodPost, "/"+api.FetchLogsPath, question, &answer)
	for _, r := range answer.Packages[0].Value {
		envelopes = append(envelopes, r.Envelope)
	}
	return envelopes
}

func equalEnvelopes(a, b []protocol.Envelope) bool {
	return slices.EqualFunc(a, b, func(a, b protocol.Envelope) bool {
		return bytes.Equal(a.Content, b.Content) && a.KeyID == b.KeyID && a.Signature.String() == b.Signature.String()
	})
}

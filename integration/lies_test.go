package integration

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// A lie changes what a liar serves.
type lie struct {
	want string // name of the finding
	tell func(t *testing.T, l *lied)
	args []string
	// known has the auditor know the honest registry before.
	known bool
}

var lies = map[string]lie{
	"a record that breaks a rule": {want: "invalid-record", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		stranger := newAuthor(t, "example:tool")
		stranger.head = headOf(c, "example:tool")
		c.Append("example:tool", envelopeOf(t, stranger.release([]byte("x"))))
		c.Cover()
		l.publish(t, c)
	}},
	"an operator record by a stranger": {want: "operator-record-by-stranger", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		stranger := newAuthor(t, "example:x").key
		record := &protocol.OperatorRecord{Prev: headOf(c, ""), Time: protocol.TimeOf(time.Now()), Entries: []protocol.OperatorEntry{{Type: protocol.EntryDefineNamespace, Namespace: "other"}}}
		c.Append("", record.Sign(stranger))
		c.Cover()
		l.publish(t, c)
	}},
	"a namespace that is not defined": {want: "namespace-undefined", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		c.Append("undefined:x", envelopeOf(t, newAuthor(t, "undefined:x").begin()))
		c.Cover()
		l.publish(t, c)
	}},
	"a checkpoint by a revoked key": {want: "checkpoint-signature", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		other := newAuthor(t, "example:x").key
		permissions := []protocol.OperatorPermission{protocol.PermissionCommit}
		for _, entry := range []protocol.OperatorEntry{
			{Type: protocol.EntryGrantFlat, Key: other.Public(), Permissions: permissions},
			{Type: protocol.EntryRevokeFlat, KeyID: other.Public().ID(), Permissions: permissions},
		} {
			record := &protocol.OperatorRecord{Prev: headOf(c, ""), Time: protocol.TimeOf(time.Now()), Entries: []protocol.OperatorEntry{entry}}
			c.Append("", record.Sign(l.keys.Operator))
		}
		c.Cover()
		c.Sign(c.Signed.Contents.Checkpoint, time.Now(), other)
		l.publish(t, c)
	}},
	"the map at an old head": {want: "map-root-differs", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		last := &c.Checkpoints[len(c.Checkpoints)-1]
		last.MapRoot = c.Checkpoint(len(c.Records) - 1).MapRoot
		c.Sign(*last, time.Now(), l.keys.Operator)
		l.publish(t, c)
	}},
	"the map at a head that the log lacks": {want: "map-root-differs", tell: func(t *testing.T, l *lied) {
		c, hidden := l.copy(t), l.copy(t)
		hidden.Append("example:hidden", envelopeOf(t, newAuthor(t, "example:hidden").begin()))
		last := &c.Checkpoints[len(c.Checkpoints)-1]
		last.MapRoot = hidden.Checkpoint(len(hidden.Records)).MapRoot
		c.Sign(*last, time.Now(), l.keys.Operator)
		l.publish(t, c)
	}},
	"a release that is dropped": {want: "release-dropped", tell: func(t *testing.T, l *lied) {
		id := logID(t, "example:tool")
		l.ChangePath("/"+api.FetchLogsPath, func(body []byte) []byte {
			var answer api.FetchLogsResponse
			if err := answer.UnmarshalJSON(body); err != nil {
				t.Error(err)
			}
			for i, p := range answer.Packages {
				if string(p.Hash) == id && len(p.Value) > 1 {
					answer.Packages[i].Value = p.Value[:len(p.Value)-1]
				}
			}
			return answer.AppendJSON(nil)
		})
	}},
	"a rewound log": {want: "log-rewound", known: true, tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		c.Checkpoints = c.Checkpoints[:len(c.Checkpoints)-2]
		last := c.Checkpoints[len(c.Checkpoints)-1]
		c.Records = c.Records[:last.LogLength]
		c.Sign(last, time.Now(), l.keys.Operator)
		l.publish(t, c)
	}},
	"another log after it was audited": {want: "log-forked", known: true, tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		fork(t, c)
		l.publish(t, c)
	}},
	"a timestamp from the future": {want: "checkpoint-from-future", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		c.Sign(c.Signed.Contents.Checkpoint, time.Now().Add(24*time.Hour), l.keys.Operator)
		l.publish(t, c)
	}},
	"a timestamp that goes back": {want: "timestamp-goes-back", known: true, tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		c.Append("example:late", envelopeOf(t, newAuthor(t, "example:late").begin()))
		c.Cover()
		c.Sign(c.Signed.Contents.Checkpoint, time.Now().Add(-time.Hour), l.keys.Operator)
		l.publish(t, c)
	}},
	"a checkpoint that is not logged": {want: "checkpoint-not-logged", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		skipped := c.Checkpoints[len(c.Checkpoints)-2]
		c.Checkpoints = slices.Delete(c.Checkpoints, len(c.Checkpoints)-2, len(c.Checkpoints)-1)
		c.Sign(skipped, time.Now(), l.keys.Operator)
		l.publish(t, c)
	}},
	"a checkpoint that was never served": {want: "checkpoint-never-served", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		last := len(c.Checkpoints) - 1
		lengths := map[uint64]bool{}
		for _, checkpoint := range c.Checkpoints {
			lengths[checkpoint.LogLength] = true
		}
		for length := range c.Checkpoints[last].LogLength {
			if length > c.Checkpoints[0].LogLength && !lengths[length] {
				n := slices.IndexFunc(c.Checkpoints, func(other protocol.Checkpoint) bool { return other.LogLength > length })
				c.Checkpoints = slices.Insert(c.Checkpoints, n, c.Checkpoint(int(length)))
				break
			}
		}
		if len(c.Checkpoints) == last+1 {
			t.Fatal("each record has a checkpoint of its own")
		}
		l.publish(t, c)
	}},
	"altered content": {want: "content-altered", args: []string{"--content"}, tell: func(t *testing.T, l *lied) {
		l.ChangePath("/content/", func([]byte) []byte { return []byte("malware") })
	}},
	"withheld content": {want: "content-withheld", args: []string{"--content"}, tell: func(t *testing.T, l *lied) {
		l.Change(func(a *liar.Answer) {
			if strings.HasPrefix(a.Path, "/v1/content/") || strings.HasPrefix(a.Path, "/content/") {
				a.Status, a.Body = http.StatusNotFound, []byte(`{"status":404,"message":"no"}`)
			}
		})
	}},
	"a changed reason for withholding": {want: "withheld-list-invalid", tell: func(t *testing.T, l *lied) {
		key := filepath.Join(t.TempDir(), "operator.key")
		if err := os.WriteFile(key, []byte(l.keys.Operator.Text()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		operates(t, 0, "statement 0", "content", "withhold", protocol.HashOf([]byte("x")).String(), "--force", "--reason", whyWithheld, "--url", l.server.url, "--operator-key-file", key)
		l.ChangePath("/"+withheld.Path, func(body []byte) []byte { return bytes.ReplaceAll(body, []byte("court"), []byte("queen")) })
	}},
	"a bundle with fewer proofs": {want: "bundle-incomplete", tell: func(t *testing.T, l *lied) {
		l.Change(func(a *liar.Answer) { fewerProofs(t, l, a) })
	}},
	"a tile that differs": {want: "tile-differs", tell: func(t *testing.T, l *lied) {
		l.ChangePath("/tlog/records/tile/0/000", flip)
	}},
	"a bundle of entries that differs": {want: "tile-differs", tell: func(t *testing.T, l *lied) {
		l.ChangePath("/tlog/records/tile/entries/000", flip)
	}},
	"a tile that is withheld": {want: "tile-withheld", tell: func(t *testing.T, l *lied) {
		l.Change(func(a *liar.Answer) {
			if strings.HasPrefix(a.Path, "/tlog/records/tile/entries/") {
				a.Status = http.StatusNotFound
			}
		})
	}},
	"an envelope of another leaf": {want: "envelope-not-leaf", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		c.Records[7].Envelope = c.Records[8].Envelope
		l.publish(t, c)
	}},
	"a note by another key": {want: "note-signature", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		text, err := tlog.GenerateNoteKey(tlog.Records.Origin(origin), false)
		if err != nil {
			t.Fatal(err)
		}
		key, err := tlog.ParseNoteKey(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Notes = map[tlog.Log]*tlog.NoteKey{tlog.Records: key, tlog.Checkpoints: c.Notes[tlog.Checkpoints]}
		l.publish(t, c)
	}},
	"an old note served for weeks": {want: "note-stale", known: true, args: []string{"--max-note-age", "1s"}, tell: func(t *testing.T, l *lied) {
		for _, log := range tlog.Logs {
			_, note := l.server.note(t, log)
			l.Serve("/"+log.Path()+"/checkpoint", note)
		}
		l.publishMany(t, "later", 1, 3)
		time.Sleep(2 * time.Second)
		l.publishMany(t, "latest", 1, 3)
	}},
}

// flip changes a bit in the middle.
func flip(body []byte) []byte {
	body = bytes.Clone(body)
	body[len(body)/2] ^= 1
	return body
}

// fork gives a log another end, properly signed.
func fork(t *testing.T, c *liar.Copy) {
	t.Helper()
	c.Checkpoints = c.Checkpoints[:len(c.Checkpoints)-1]
	c.Records = c.Records[:c.Checkpoints[len(c.Checkpoints)-1].LogLength]
	for _, name := range []string{"example:fork-a", "example:fork-b"} {
		for n := range 60 {
			a := newAuthor(t, name+string(rune('a'+n%26))+string(rune('a'+n/26)))
			c.Append(a.pkg.String(), envelopeOf(t, a.begin()))
		}
	}
	c.Cover()
}

// fewerProofs leaves the last leaf of a request for proofs out.
func fewerProofs(t *testing.T, l *lied, a *liar.Answer) {
	if a.Path != "/"+api.ProveInclusionPath || a.Status != http.StatusOK {
		return
	}
	var asked api.InclusionRequest
	if err := asked.UnmarshalJSON(a.Request); err != nil {
		t.Error(err)
		return
	}
	if len(asked.Leafs) < 2 {
		return
	}
	asked.Leafs = asked.Leafs[:len(asked.Leafs)-1]
	status, body, err := request(t.Context(), http.MethodPost, l.server.url+a.Path, "application/json", bytes.NewReader(asked.AppendJSON(nil)))
	if err != nil || status != http.StatusOK {
		t.Errorf("status %d, %v", status, err)
		return
	}
	a.Body = body
}

// headOf is the newest record of a log.
func headOf(c *liar.Copy, name string) protocol.AnyHash {
	for _, r := range slices.Backward(c.Records) {
		if r.Name == name {
			return r.Leaf.RecordID.Any()
		}
	}
	return ""
}

// envelopeOf is the envelope in the request that posts a record.
func envelopeOf(t *testing.T, r *signedRecord) protocol.Envelope {
	t.Helper()
	var request api.PublishRecordRequest
	if err := request.UnmarshalJSON(r.body); err != nil {
		t.Fatal(err)
	}
	return request.Record
}

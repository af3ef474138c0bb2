package integration

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// A verifyLie is what a registry tells a browser, and the step and reason by which the page
// /verify finds it.
type verifyLie struct {
	step, reason string
	tell         func(t *testing.T, l *lied)
	// known has the browser know the honest registry before.
	known bool
	// conflict says that the browser has evidence of what it saw and what it is shown.
	conflict bool
	// pkg is the package that is asked for; "": example:tool.
	pkg string
}

// publishAPI has the liar answer all of the v1 API from a changed copy.
func (l *lied) publishAPI(t *testing.T, a *liar.API) {
	t.Helper()
	if err := a.PublishAPI(l.Liar); err != nil {
		t.Fatal(err)
	}
}

// changeLogs changes the answers of fetch/logs.
func (l *lied) changeLogs(t *testing.T, change func(answer *api.FetchLogsResponse)) {
	l.ChangePath("/"+api.FetchLogsPath, func(body []byte) []byte {
		var answer api.FetchLogsResponse
		if err := answer.UnmarshalJSON(body); err != nil {
			t.Error(err)
		}
		change(&answer)
		return answer.AppendJSON(nil)
	})
}

// changeTool changes the records of example:tool.
func (l *lied) changeTool(t *testing.T, change func(records []api.PublishedRecord) []api.PublishedRecord) {
	id := logID(t, "example:tool")
	l.changeLogs(t, func(answer *api.FetchLogsResponse) {
		for i, p := range answer.Packages {
			if string(p.Hash) == id {
				answer.Packages[i].Value = change(p.Value)
			}
		}
	})
}

// changeBundles changes the bundles of an answer of proof/inclusion.
func (l *lied) changeBundles(t *testing.T, change func(log *proof.LogBundle, m *proof.MapBundle)) {
	l.ChangePath("/"+api.ProveInclusionPath, func(body []byte) []byte {
		var answer api.InclusionResponse
		err := answer.UnmarshalJSON(body)
		if err != nil {
			t.Error(err)
		}
		log, err := proof.DecodeLogBundle(answer.Log)
		if err != nil {
			t.Error(err)
		}
		m, err := proof.DecodeMapBundle(answer.Map)
		if err != nil {
			t.Error(err)
		}
		change(&log, &m)
		return api.InclusionResponse{Log: log.Encode(), Map: m.Encode()}.AppendJSON(nil)
	})
}

// resign has the liar serve the latest checkpoint, changed and signed by a key.
func (l *lied) resign(t *testing.T, key protocol.PrivateKey, change func(c *protocol.TimestampedCheckpoint)) {
	t.Helper()
	c := l.copy(t)
	change(&c.Signed.Contents)
	text, err := c.Signed.Contents.Sign(key).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	l.Serve("/"+api.FetchCheckpointPath, text)
}

// withOperator appends an operator record to a copy.
func withOperator(c *liar.Copy, key protocol.PrivateKey, entries ...protocol.OperatorEntry) {
	record := &protocol.OperatorRecord{Prev: headOf(c, ""), Time: protocol.TimeOf(time.Now()), Entries: entries}
	c.Append("", record.Sign(key))
}

// A stranger's record of example:tool.
func strangersRelease(t *testing.T, c *liar.Copy) protocol.Envelope {
	stranger := newAuthor(t, "example:tool")
	stranger.head = headOf(c, "example:tool")
	return envelopeOf(t, stranger.release([]byte("x")))
}

var verifyLies = map[string]verifyLie{
	// Records, with proofs that hold.
	"a release by a stranger": {step: "package-log", reason: "UnauthorizedAction", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		c.Append("example:tool", strangersRelease(t, c))
		c.Cover()
		l.publishAPI(t, &liar.API{Copy: c})
	}},
	"an operator record by a stranger": {step: "operator-log", reason: "UnauthorizedAction", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		withOperator(c, newAuthor(t, "example:x").key, protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: "other"})
		c.Cover()
		l.publishAPI(t, &liar.API{Copy: c})
	}},
	"a namespace that is not defined": {step: "package-log", reason: "namespace-undefined", pkg: "undefined:x", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		c.Append("undefined:x", envelopeOf(t, newAuthor(t, "undefined:x").begin()))
		c.Cover()
		l.publishAPI(t, &liar.API{Copy: c})
	}},
	"a record that is changed": {step: "package-log", reason: "SignatureError", tell: func(t *testing.T, l *lied) {
		l.changeTool(t, func(records []api.PublishedRecord) []api.PublishedRecord {
			last := &records[len(records)-1]
			last.Envelope.Content = []byte(strings.Replace(string(last.Envelope.Content), "1.0.3", "1.0.4", 1))
			return records
		})
	}},
	"records in another order": {step: "package-log", reason: "RecordHashDoesNotMatch", tell: func(t *testing.T, l *lied) {
		l.changeTool(t, func(records []api.PublishedRecord) []api.PublishedRecord {
			slices.Reverse(records[2:])
			return records
		})
	}},
	"a record that is left out": {step: "package-log", reason: "RecordHashDoesNotMatch", tell: func(t *testing.T, l *lied) {
		l.changeTool(t, func(records []api.PublishedRecord) []api.PublishedRecord { return slices.Delete(records, 1, 2) })
	}},
	"records of another log": {step: "package-log", reason: "other-log", tell: func(t *testing.T, l *lied) {
		l.changeLogs(t, func(answer *api.FetchLogsResponse) {
			for i := range answer.Packages {
				answer.Packages[i].Hash = protocol.HashOf([]byte("other")).Any()
			}
		})
	}},
	"more records, and none given": {step: "operator-log", reason: "records-missing", tell: func(t *testing.T, l *lied) {
		l.changeLogs(t, func(answer *api.FetchLogsResponse) { *answer = api.FetchLogsResponse{More: true} })
	}},
	"a record beyond the checkpoint": {step: "package-log", reason: "record-order", tell: func(t *testing.T, l *lied) {
		l.changeTool(t, func(records []api.PublishedRecord) []api.PublishedRecord {
			records[len(records)-1].RegistryIndex = 1 << 40
			return records
		})
	}},
	"a record at another index": {step: "inclusion", reason: "root-mismatch", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		l.publishAPI(t, &liar.API{Copy: c, Index: func(at int) uint64 { return uint64(at) + 1 }})
	}},
	"a package that is denied": {step: "package-log", reason: "package-gone", known: true, conflict: true, tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		l.publishAPI(t, &liar.API{Copy: c, Shown: func(r liar.Record) bool { return r.Name != "example:tool" }})
	}},

	// The newest release is held back.
	"a release that is dropped": {step: "heads", reason: "root-mismatch", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		l.publishAPI(t, &liar.API{Copy: c, Shown: func(r liar.Record) bool { return r.Leaf.RecordID.Any() != headOf(c, "example:tool") }})
	}},
	"a release that is dropped, which the map denies, too": {step: "package-log", reason: "record-gone", known: true, conflict: true, tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		last := headOf(c, "example:tool")
		shown := func(r liar.Record) bool { return r.Leaf.RecordID.Any() != last }
		c.Append("example:more", envelopeOf(t, newAuthor(t, "example:more").begin())) // so that the log grows
		older := *c
		older.Records = slices.DeleteFunc(slices.Clone(c.Records), func(r liar.Record) bool { return !shown(r) })
		grown := c.Checkpoint(len(c.Records))
		grown.MapRoot = older.Checkpoint(len(older.Records)).MapRoot
		c.Add(grown)
		l.publishAPI(t, &liar.API{Copy: c, Map: older.Records, Shown: shown})
	}},
	"the map at another state": {step: "heads", reason: "root-mismatch", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		hidden := l.copy(t)
		hidden.Append("example:hidden", envelopeOf(t, newAuthor(t, "example:hidden").begin()))
		checkpoint := c.Checkpoint(len(c.Records))
		checkpoint.MapRoot = hidden.Checkpoint(len(hidden.Records)).MapRoot
		c.Add(checkpoint)
		l.publishAPI(t, &liar.API{Copy: c})
	}},

	// Checkpoints.
	"a checkpoint by a stranger": {step: "signature", reason: "checkpoint-key", tell: func(t *testing.T, l *lied) {
		l.resign(t, newAuthor(t, "example:x").key, func(*protocol.TimestampedCheckpoint) {})
	}},
	"a checkpoint by a revoked key": {step: "signature", reason: "checkpoint-key", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		other := newAuthor(t, "example:x").key
		commit := []protocol.OperatorPermission{protocol.PermissionCommit}
		withOperator(c, l.keys.Operator, protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: other.Public(), Permissions: commit})
		withOperator(c, l.keys.Operator, protocol.OperatorEntry{Type: protocol.EntryRevokeFlat, KeyID: other.Public().ID(), Permissions: commit})
		c.Cover()
		c.Sign(c.Signed.Contents.Checkpoint, time.Now(), other)
		l.publishAPI(t, &liar.API{Copy: c})
	}},
	"a signature of another checkpoint": {step: "signature", reason: "SignatureError", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		c.Signed.Contents.Timestamp++
		if err := c.Publish(l.Liar); err != nil {
			t.Fatal(err)
		}
	}},
	"a timestamp from the future": {step: "checkpoint", reason: "from-future", tell: func(t *testing.T, l *lied) {
		l.resign(t, l.keys.Operator, func(c *protocol.TimestampedCheckpoint) { c.Timestamp += 86_400 })
	}},
	"a checkpoint of last week": {step: "checkpoint", reason: "old-checkpoint", tell: func(t *testing.T, l *lied) {
		l.resign(t, l.keys.Operator, func(c *protocol.TimestampedCheckpoint) { c.Timestamp -= 7 * 86_400 })
	}},
	"a length that proofs cut off": {step: "checkpoint", reason: "range", tell: func(t *testing.T, l *lied) {
		l.resign(t, l.keys.Operator, func(c *protocol.TimestampedCheckpoint) { c.LogLength += 1 << 32 })
	}},
	"a length beyond 2^53": {step: "checkpoint", reason: "range", tell: func(t *testing.T, l *lied) {
		l.resign(t, l.keys.Operator, func(c *protocol.TimestampedCheckpoint) { c.LogLength = 1<<64 - 1 })
	}},

	// What the browser saw before.
	"a rewound log": {step: "consistency", reason: "rewound", known: true, conflict: true, tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		c.Records = c.Records[:len(c.Records)-1]
		c.Cover()
		l.publishAPI(t, &liar.API{Copy: c})
	}},
	"another log of the same length": {step: "consistency", reason: "forked", known: true, conflict: true, tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		last := len(c.Records) - 1
		c.Records = c.Records[:last]
		c.Append("example:fork", envelopeOf(t, newAuthor(t, "example:fork").begin()))
		c.Cover()
		l.publishAPI(t, &liar.API{Copy: c})
	}},
	"another log that is longer": {step: "consistency", reason: "forked", known: true, conflict: true, tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		fork(t, c)
		for len(c.Records) <= 330 {
			c.Append("example:again", envelopeOf(t, newAuthor(t, "example:again").begin()))
		}
		c.Cover()
		l.publishAPI(t, &liar.API{Copy: c})
	}},
	"two maps of one log": {step: "consistency", reason: "forked", known: true, conflict: true, tell: func(t *testing.T, l *lied) {
		l.resign(t, l.keys.Operator, func(c *protocol.TimestampedCheckpoint) { c.MapRoot = protocol.HashOf([]byte("other")) })
	}},
	"another operator": {step: "operator-log", reason: "other-operator", known: true, conflict: true, tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		key := newAuthor(t, "example:x").key
		c.Records, c.Operator = nil, key
		withOperator(c, key, protocol.OperatorEntry{Type: protocol.EntryInit, Key: key.Public()}, protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: "example"})
		c.Append("example:tool", envelopeOf(t, newAuthor(t, "example:tool").begin()))
		c.Cover()
		l.publishAPI(t, &liar.API{Copy: c})
	}},
	"the operator's key, signed by another": {step: "operator-log", reason: "operator-key", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		thief := newAuthor(t, "example:x").key
		all := []protocol.OperatorPermission{protocol.PermissionCommit}
		c.Records = nil
		withOperator(c, thief, protocol.OperatorEntry{Type: protocol.EntryInit, Key: l.keys.Operator.Public()}, protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: thief.Public(), Permissions: all})
		c.Operator = thief
		c.Cover()
		l.publishAPI(t, &liar.API{Copy: c})
	}},

	// Proofs.
	"fewer proofs": {step: "inclusion", reason: "proof-count", tell: func(t *testing.T, l *lied) {
		l.Change(func(a *liar.Answer) { fewerProofs(t, l, a) })
	}},
	"fewer map proofs": {step: "heads", reason: "proof-count", tell: func(t *testing.T, l *lied) {
		l.changeBundles(t, func(_ *proof.LogBundle, m *proof.MapBundle) { m.Proofs = m.Proofs[:1] })
	}},
	"a proof of another length": {step: "inclusion", reason: "proof-count", tell: func(t *testing.T, l *lied) {
		l.changeBundles(t, func(log *proof.LogBundle, _ *proof.MapBundle) { log.LogLength-- })
	}},
	"proofs in another order": {step: "inclusion", reason: "proof-count", tell: func(t *testing.T, l *lied) {
		l.changeBundles(t, func(log *proof.LogBundle, _ *proof.MapBundle) { slices.Reverse(log.IncludedNodes) })
	}},
	"a proof without a hash": {step: "inclusion", reason: "missing-hash", tell: func(t *testing.T, l *lied) {
		l.changeBundles(t, func(log *proof.LogBundle, _ *proof.MapBundle) { log.Hashes = log.Hashes[:len(log.Hashes)-1] })
	}},
	"a proof with another hash": {step: "inclusion", reason: "root-mismatch", tell: func(t *testing.T, l *lied) {
		l.changeBundles(t, func(log *proof.LogBundle, _ *proof.MapBundle) { log.Hashes[0].Hash[0] ^= 1 })
	}},
	"no proofs at all": {step: "inclusion", reason: "proof-count", tell: func(t *testing.T, l *lied) {
		l.changeBundles(t, func(log *proof.LogBundle, m *proof.MapBundle) { *log, *m = proof.LogBundle{}, proof.MapBundle{} })
	}},
	"a refusal to prove": {step: "inclusion", reason: "refused", tell: func(t *testing.T, l *lied) {
		l.Change(func(a *liar.Answer) {
			if strings.HasPrefix(a.Path, "/v1/proof/") {
				a.Status, a.Body = http.StatusInternalServerError, []byte(`{"status":500,"message":"<script>alert(1)</script>"}`)
			}
		})
	}},
	"what is no JSON": {step: "checkpoint", reason: "malformed", tell: func(t *testing.T, l *lied) {
		l.Serve("/"+api.FetchCheckpointPath, []byte("<html>"))
	}},

	// Notes.
	"a note by another key": {step: "note", reason: "note-signature", tell: func(t *testing.T, l *lied) { otherNoteKey(t, l) }},
	"a note by another key that the registry names": {step: "note", reason: "note-signature", known: true, tell: func(t *testing.T, l *lied) {
		key := otherNoteKey(t, l)
		l.Serve("/"+tlog.Records.Path()+"/vkeys", []byte(key.VKeys()[0]+"\n"))
	}},
	"a note of another log": {step: "note", reason: "note-forked", tell: func(t *testing.T, l *lied) {
		c := l.copy(t)
		c.Records = c.Records[:len(c.Records)-10]
		c.Append("example:fork", envelopeOf(t, newAuthor(t, "example:fork").begin()))
		note, err := c.Note(tlog.Records)
		if err != nil {
			t.Fatal(err)
		}
		l.Serve("/"+tlog.Records.Path()+"/checkpoint", note)
	}},
	"no note any more": {step: "note", reason: "note-gone", known: true, tell: func(t *testing.T, l *lied) {
		l.Serve("/"+tlog.Records.Path()+"/checkpoint", nil)
	}},

	// Content.
	"altered content": {step: "content", reason: "content-altered", tell: func(t *testing.T, l *lied) {
		l.ChangePath("/content/", func([]byte) []byte { return []byte("malware") })
	}},
	"content that is not given": {step: "content", reason: "content-missing", tell: func(t *testing.T, l *lied) {
		l.Change(func(a *liar.Answer) {
			if strings.HasPrefix(a.Path, "/v1/content/") {
				a.Status, a.Body = http.StatusNotFound, []byte(`{"status":404,"message":"no"}`)
			}
		})
	}},
	"content that is withheld without a statement": {step: "content", reason: "content-missing", tell: func(t *testing.T, l *lied) {
		l.Change(func(a *liar.Answer) {
			if strings.HasPrefix(a.Path, "/v1/content/") {
				a.Status, a.Body = http.StatusUnavailableForLegalReasons, []byte(`{"status":451,"message":"no"}`)
			}
		})
	}},
}

// otherNoteKey has the liar serve notes by a new key.
func otherNoteKey(t *testing.T, l *lied) *tlog.NoteKey {
	t.Helper()
	text, err := tlog.GenerateNoteKey(tlog.Records.Origin(origin), false)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.ParseNoteKey(text)
	if err != nil {
		t.Fatal(err)
	}
	c := l.copy(t)
	c.Notes = map[tlog.Log]*tlog.NoteKey{tlog.Records: key, tlog.Checkpoints: c.Notes[tlog.Checkpoints]}
	l.publish(t, c)
	return key
}

// warnings are reasons that people are told of, and that prove no lie.
var warnings = []string{"old-checkpoint", "note-gone"}

// Each lie is found in its step and by its reason, and what the browser remembers stays.
func TestVerifyLyingRegistries(t *testing.T) {
	t.Parallel()
	honest := startLied(t)
	v := newVerifier(t)
	for what, lie := range verifyLies {
		t.Run(what, func(t *testing.T) {
			l := &lied{server: honest.server, keys: honest.keys, Liar: liar.Start(t, honest.server.url)}
			request := verifyRequest{Registry: l.Liar.URL, Package: "example:tool", Browser: what}
			if lie.known {
				v.verify(t, request).ticks(t)
			}
			if lie.pkg != "" {
				request.Package = lie.pkg
			}
			if lie.step == "content" {
				request.Content = "1.0.3"
			}
			lie.tell(t, l)
			report := v.verify(t, request)
			found := report.Content
			if lie.step != "content" {
				found = report.step(t, lie.step)
			}
			if found.Reason != lie.reason {
				t.Errorf("found %+v, want %s in step %s; %s", found, lie.reason, lie.step, report)
			}
			warned := slices.Contains(warnings, lie.reason)
			if (report.Verdict == "failed") != (!warned && lie.step != "content") || (report.Conflict != nil) != lie.conflict {
				t.Errorf("evidence %v; %s", report.Conflict, report)
			}
			// The old checkpoint is kept: the honest registry fits it, and only it.
			l.Honest()
			request.Package = "example:tool"
			v.verify(t, request).ticks(t)
		})
	}
}

// Every rule of a package log is found, whatever proofs there are.
func TestVerifyInvalidRecordsOfEveryRule(t *testing.T) {
	t.Parallel()
	honest := startLied(t)
	v := newVerifier(t)
	rules := map[string]bool{}
	for n, sequence := range invalidSequences(t) {
		l := &lied{server: honest.server, keys: honest.keys, Liar: liar.Start(t, honest.server.url)}
		c := l.copy(t)
		for _, envelope := range sequence {
			c.Append("example:invalid", envelope)
		}
		c.Cover()
		l.publishAPI(t, &liar.API{Copy: c})
		report := v.verify(t, verifyRequest{Registry: l.Liar.URL, Package: "example:invalid"})
		found := report.step(t, "package-log")
		if found.Status != "failed" || report.Verdict != "failed" {
			t.Errorf("sequence %d: %s", n, report)
		}
		rules[found.Reason] = true
	}
	if len(rules) < 10 {
		t.Errorf("rules: %v", rules)
	}
}

package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// lieTest is a lie of a registry that was audited before it.
type lieTest struct {
	what string
	name Name
	rule protocol.Rule
	lie  func(w *world, o *Options)
	// signed tells that the evidence has the registry's signature under the lie.
	signed bool
	// fresh tells that the auditor begins anew, and knows nothing of what was before.
	fresh bool
	// beside are findings that come with it.
	beside []Name
}

func TestLies(t *testing.T) {
	for _, test := range slices.Concat(recordLies, headLies, fileLies, apiLies, noteLies) {
		t.Run(string(test.name)+"/"+test.what, func(t *testing.T) { test.run(t, false) })
	}
}

// The same records are found invalid where there are no static files.
func TestLiesWithoutTiles(t *testing.T) {
	for _, test := range slices.Concat(recordLies, bareLies) {
		t.Run(string(test.name)+"/"+test.what, func(t *testing.T) { test.run(t, true) })
	}
}

func (test lieTest) run(t *testing.T, noTiles bool) {
	w := newWorld(t)
	w.some(6)
	o := w.options()
	if w.noTiles = noTiles; noTiles {
		o.VKeys, o.Policy = nil, nil
	}
	store := new(MemoryStore)
	honest, err := w.auditWith(store, o)
	must(t, err)
	if !honest.Clean() {
		t.Fatalf("found in an honest registry: %v", honest.Findings)
	}
	if test.fresh {
		store = new(MemoryStore)
	}
	test.lie(w, &o)
	report, err := w.auditWith(store, o)
	must(t, err)
	var found *Finding
	for i, f := range report.Findings {
		switch {
		case f.Name == test.name && (found == nil || found.Signed != test.signed):
			found = &report.Findings[i]
		case f.Name != test.name && !slices.Contains(test.beside, f.Name):
			t.Errorf("also found: %s", f)
		}
		if f.Evidence == nil {
			t.Errorf("no evidence of %s", f)
		} else if _, err := Check(f.Evidence); err != nil {
			t.Errorf("evidence of %s: %v", f, err)
		}
	}
	if found == nil {
		t.Fatalf("not found; there are %v, unchecked %v", report.Findings, report.Unchecked)
	}
	if found.Rule != test.rule || found.Signed != test.signed {
		t.Errorf("rule %q, signed %v; want %q, %v", found.Rule, found.Signed, test.rule, test.signed)
	}
	checkEvidence(t, *found)
}

// checkEvidence demands that evidence proves its finding, and does not when a byte is
// changed, be it with a new digest or without.
func checkEvidence(t *testing.T, f Finding) {
	t.Helper()
	got, err := Check(f.Evidence)
	if err != nil {
		t.Fatalf("evidence: %v", err)
	}
	if got.String() != f.String() {
		t.Errorf("evidence of %s proves %s", f, got)
	}
	step := max(len(f.Evidence)/150, 1)
	for at := 0; at < len(f.Evidence); at += step {
		changed := bytes.Clone(f.Evidence)
		changed[at] ^= 1
		if _, err := Check(changed); err == nil {
			t.Errorf("evidence with byte %d changed is accepted", at)
		}
	}
	if _, err := Check(f.Evidence[:len(f.Evidence)-1]); err == nil {
		t.Error("evidence that is cut off is accepted")
	}
	// A forger has the digest, too: what he changes in the facts must not make another
	// finding of another registry's words.
	end := bytes.LastIndex(f.Evidence, []byte(digestMember))
	forged := bytes.Replace(f.Evidence[:end], []byte(`"claimed":"`), []byte(`"claimed":"x`), 1)
	digest := sha256.Sum256(forged)
	forged = append(forged, digestMember+hex.EncodeToString(digest[:])+"\"}\n"...)
	if _, err := Check(forged); err == nil {
		t.Error("evidence with another claim is accepted")
	}
}

// tampered changes answers for a path.
func tampered(path string, change func(status int, answer []byte) (int, []byte)) func(string, []byte, int, []byte) (int, []byte) {
	return func(asked string, _ []byte, status int, answer []byte) (int, []byte) {
		if asked == path {
			return change(status, answer)
		}
		return status, answer
	}
}

func flip(status int, answer []byte) (int, []byte) {
	answer[len(answer)/2] ^= 1
	return status, answer
}

func deny(int, []byte) (int, []byte) { return 404, []byte(`{"status":404,"message":"no"}`) }

<<<<<<< HEAD
func invalid(what string, rule protocol.Rule, signed bool, publish func(w *world)) lieTest {
	return lieTest{what: what, name: InvalidRecord, rule: rule, signed: signed, lie: func(w *world, _ *Options) {
		publish(w)
		w.some(2)
	}}
}

var recordLies = []lieTest{
	invalid("released twice", protocol.ReleaseOfReleased, true, func(w *world) {
		w.publish("example:pa", w.author, protocol.PackageEntry{Type: protocol.EntryRelease, Version: "1.1.0", Content: protocol.HashOf().Any()})
	}),
	invalid("yank of nothing", protocol.YankOfUnreleased, true, func(w *world) {
		w.publish("example:pa", w.author, protocol.PackageEntry{Type: protocol.EntryYank, Version: "9.0.0"})
	}),
	invalid("by a stranger", protocol.UnauthorizedAction, true, func(w *world) {
		w.publish("example:pa", newKey(w.t), protocol.PackageEntry{Type: protocol.EntryRelease, Version: "9.0.0", Content: protocol.HashOf().Any()})
	}),
	invalid("empty and by a stranger", protocol.KeyIDNotRecognized, true, func(w *world) {
		w.publish("example:pa", newKey(w.t))
	}),
	invalid("begun twice", protocol.InitialEntryAfterBeginning, true, func(w *world) {
		w.publish("example:pa", w.author, protocol.PackageEntry{Type: protocol.EntryInit, Key: w.author.Public()})
	}),
	invalid("begun without init", protocol.UnauthorizedAction, true, func(w *world) {
		w.publish("example:new", w.author, protocol.PackageEntry{Type: protocol.EntryRelease, Version: "1.0.0", Content: protocol.HashOf().Any()})
	}),
	invalid("revoked what was not held", protocol.PermissionNotFoundToRevoke, true, func(w *world) {
		w.publish("example:pa", w.author, protocol.PackageEntry{Type: protocol.EntryRevokeFlat, KeyID: newKey(w.t).Public().ID(), Permissions: []protocol.PackagePermission{"yank"}})
	}),
	invalid("earlier than the record before", protocol.TimestampLowerThanPrevious, true, func(w *world) {
		w.now = w.now.Add(-time.Hour)
		w.publish("example:pa", w.author)
		w.now = w.now.Add(time.Hour)
	}),
	invalid("of another version", protocol.ProtocolVersionNotAllowed, true, func(w *world) {
		r := protocol.PackageRecord{Prev: w.any("example:pa"), Version: 1, Time: w.time()}
		w.add("example:pa", r.Sign(w.author))
	}),
	invalid("wrong signature", protocol.SignatureError, true, func(w *world) {
		r := protocol.PackageRecord{Prev: w.any("example:pa"), Time: w.time()}
		envelope := r.Sign(w.author)
		r.Time = w.time()
		envelope.Content = r.Encode()
		w.add("example:pa", envelope)
	}),
	invalid("after another record", protocol.RecordHashDoesNotMatch, false, func(w *world) {
		r := protocol.PackageRecord{Prev: protocol.HashOf().Any(), Time: w.time()}
		w.add("example:pa", r.Sign(w.author))
	}),
	invalid("without the record before", protocol.NoPreviousHashAfterInit, true, func(w *world) {
		r := protocol.PackageRecord{Time: w.time()}
		w.add("example:pa", r.Sign(w.author))
	}),
	invalid("first, after another", protocol.PreviousHashOnFirstRecord, false, func(w *world) {
		r := protocol.PackageRecord{Prev: protocol.HashOf().Any(), Time: w.time()}
		w.add("example:new", r.Sign(w.author))
	}),
	invalid("no record", LeafMalformed, true, func(w *world) {
		w.add("example:pa", protocol.Envelope{Content: []byte("garbage"), KeyID: w.author.Public().ID(), Signature: w.author.Sign(protocol.PackageRecordSignature, []byte("garbage"))})
	}),
	invalid("operator: namespace twice", protocol.NamespaceAlreadyDefined, true, func(w *world) {
		w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: "example"})
	}),
	{what: "defines a namespace", name: OperatorStranger, rule: protocol.UnauthorizedAction, signed: true, lie: func(w *world, _ *Options) {
		w.operate(newKey(w.t), protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: "theirs"})
		w.checkpoint()
	}},
	{what: "grants nothing to itself", name: OperatorStranger, rule: protocol.UnauthorizedAction, signed: true, lie: func(w *world, _ *Options) {
		key := newKey(w.t)
		w.operate(key, protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: key.Public()})
		w.checkpoint()
	}},
	{what: "another key", name: OperatorKeyDiffers, signed: true, fresh: true, lie: func(w *world, o *Options) { o.OperatorKey = newKey(w.t).Public() }},
	{what: "never", name: NamespaceUndefined, signed: true, lie: func(w *world, _ *Options) {
		w.release("other:pa", "1.0.0")
		w.release("other:pa", "1.1.0")
		w.checkpoint()
	}},
	{what: "afterwards", name: NamespaceUndefined, signed: true, lie: func(w *world, _ *Options) {
		w.release("other:pa", "1.0.0")
		w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: "other"})
		w.checkpoint()
	}},
	{what: "of another registry", name: NamespaceUndefined, signed: true, lie: func(w *world, _ *Options) {
		w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryImportNamespace, Namespace: "other", Registry: "elsewhere.example"})
		w.release("other:pa", "1.0.0")
		w.checkpoint()
	}},
}

func (w *world) headsWith(name string, head protocol.Hash) map[protocol.Hash]protocol.Hash {
	heads := maps.Clone(w.heads)
	n, err := protocol.ParsePackageName(name)
	must(w.t, err)
	heads[n.LogID()] = head
	return heads
}

func oldHead(w *world, _ *Options) {
	old := w.prev["example:pa"]
	w.release("example:pa", fmt.Sprintf("7.%d.0", len(w.records)))
	w.checkpointOf(w.headsWith("example:pa", old), true)
	w.some(2)
}

func unknownHead(w *world, _ *Options) {
	w.release("example:pb", fmt.Sprintf("7.%d.0", len(w.records)))
	w.checkpointOf(w.headsWith("example:pa", protocol.HashOf([]byte("x"))), true)
	w.some(2)
}

var headLies = []lieTest{
	{what: "an old head", name: MapRootDiffers, signed: true, lie: oldHead},
	{what: "an old head, from nothing", name: MapRootDiffers, signed: true, fresh: true, lie: oldHead},
	{what: "a head that the log lacks", name: MapRootDiffers, signed: true, lie: unknownHead},
	{what: "several times", name: MapRootDiffers, signed: true, lie: func(w *world, o *Options) {
		oldHead(w, o)
		oldHead(w, o)
		unknownHead(w, o)
	}},
	{what: "in the latest checkpoint", name: MapRootDiffers, signed: true, lie: func(w *world, o *Options) {
		unknownHead(w, o)
		w.release("example:pb", "8.0.0")
		w.checkpointOf(w.headsWith("example:pc", protocol.HashOf([]byte("x"))), true)
	}},
	{what: "a logged checkpoint", name: LogForked, signed: true, lie: func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		c := worldCheckpoint{Checkpoint: protocol.Checkpoint{LogLength: uint64(len(w.records)), LogRoot: protocol.HashOf([]byte("x")), MapRoot: emptyMapRoot()}}
		w.sign(c, w.operator, true)
		w.some(2)
	}},
	{what: "another log than is remembered", name: LogForked, signed: true, lie: func(w *world, _ *Options) { w.fork() }},
	{what: "shorter", name: LogRewound, lie: func(w *world, _ *Options) { w.rewind() }, signed: true},
	{what: "only the notes", name: LogRewound, lie: func(w *world, _ *Options) {
		w.noteSize[tlog.Records], w.noteSize[tlog.Checkpoints] = w.checkpoints[3].LogLength, 4
	}},
	{what: "unknown key", name: CheckpointSignature, lie: func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.checkpoint()
		w.sign(w.checkpoints[len(w.checkpoints)-1], newKey(w.t), false)
	}},
	{what: "revoked key", name: CheckpointSignature, signed: true, lie: func(w *world, _ *Options) {
		second := newKey(w.t)
		w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: second.Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}})
		w.checkpoint()
		w.operate(second, protocol.OperatorEntry{Type: protocol.EntryRevokeFlat, KeyID: w.operator.Public().ID(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}})
		w.checkpoint()
	}},
	{what: "wrong signature", name: CheckpointSignature, lie: func(w *world, _ *Options) { w.signed.Contents.Timestamp++ }},
	{what: "an hour ahead", name: CheckpointFuture, lie: func(w *world, _ *Options) {
		w.now = w.now.Add(time.Hour)
		w.checkpointOf(w.heads, false)
		w.now = w.now.Add(-time.Hour)
		w.cosigned = w.now
	}},
	{what: "signed again", name: TimestampBack, lie: func(w *world, _ *Options) {
		w.now = w.now.Add(-time.Hour)
		w.checkpointOf(w.heads, false)
		w.now = w.now.Add(2 * time.Hour)
	}},
	{what: "of a longer log", name: TimestampBack, signed: true, lie: func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.now = w.now.Add(-time.Hour)
		w.checkpoint()
		w.now = w.now.Add(2 * time.Hour)
	}},
	{what: "signed long ago", name: CheckpointStale, lie: func(w *world, o *Options) {
		o.MaxCheckpointAge = time.Hour
		w.now = w.now.Add(2 * time.Hour)
	}},
	{what: "between two", name: CheckpointNotLogged, signed: true, lie: func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.checkpointOf(w.heads, false)
		served := w.signed
		w.some(2)
		w.signed = served
	}},
	{what: "at the end, for long", name: CheckpointNotLogged, lie: func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.checkpointOf(w.heads, false)
		w.noteSize[tlog.Records] = uint64(len(w.records))
		w.now = w.now.Add(2 * time.Hour)
		w.cosigned = w.now
	}},
	{what: "other roots", name: CheckpointNotLogged, signed: true, beside: []Name{MapRootDiffers}, lie: func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.checkpoint()
		w.checkpointOf(w.headsWith("example:pa", protocol.HashOf([]byte("x"))), false)
	}},
	{what: "denied", name: CheckpointNeverServed, lie: func(w *world, _ *Options) {
		w.some(4)
		length := w.checkpoints[len(w.checkpoints)-2].LogLength
		w.tamper = func(path string, asked []byte, status int, answer []byte) (int, []byte) {
			var q api.InclusionRequest
			if path == api.ProveInclusionPath && q.UnmarshalJSON(asked) == nil && q.LogLength == length {
				return deny(status, answer)
			}
			return status, answer
		}
	}},
	{what: "other roots", name: CheckpointNeverServed, lie: func(w *world, _ *Options) {
		w.some(4)
		at := len(w.checkpoints) - 2
		w.checkpoints[at].m = w.checkpoints[at-1].m
	}},
	{what: "the same again", name: CheckpointsOrder, signed: true, lie: func(w *world, _ *Options) {
		w.sign(w.checkpoints[2], w.operator, true)
		w.some(1)
	}},
}

// fork makes the registry forget its last records, and go on otherwise.
func (w *world) fork() {
	w.rewind()
	w.some(8)
}

func (w *world) rewind() {
	keep := w.checkpoints[3]
	records, checkpoints := w.records[:keep.LogLength], w.checkpoints[:4]
	w.tree, w.cpTree, w.records, w.checkpoints = new(memoryTree), new(memoryTree), nil, nil
	w.heads, w.prev = map[protocol.Hash]protocol.Hash{}, map[string]protocol.Hash{}
	for _, r := range records {
		w.records = append(w.records, r)
		w.tree.append(r.leaf.Hash())
		w.heads[r.leaf.LogID], w.prev[r.named.Name] = r.leaf.RecordID, r.leaf.RecordID
	}
	for _, c := range checkpoints {
		w.checkpoints = append(w.checkpoints, c)
		w.cpTree.append(leafHash(c.Encode()))
	}
	w.sign(keep, w.operator, false)
}

func recordsFile(w *world, kind tlog.Kind) string {
	return tlog.Records.Path() + "/" + tlog.File{Kind: kind, Width: int(w.size(tlog.Records))}.Path()
}

var fileLies = []lieTest{
	{what: "a tile", name: TileDiffers, lie: func(w *world, _ *Options) { w.tamper = tampered(recordsFile(w, tlog.Tile), flip) }},
	{what: "a bundle of entries", name: TileDiffers, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(recordsFile(w, tlog.Entries), func(status int, answer []byte) (int, []byte) {
			answer[len(answer)-1] ^= 1
			return status, answer
		})
	}},
	{what: "cut off", name: TileDiffers, lie: func(w *world, _ *Options) {
		w.tamper = tampered(recordsFile(w, tlog.Tile), func(status int, answer []byte) (int, []byte) { return status, answer[:40] })
	}},
	{what: "a tile", name: TileWithheld, lie: func(w *world, _ *Options) {
		file, full := recordsFile(w, tlog.Tile), tlog.Records.Path()+"/tile/0/000"
		w.tamper = func(path string, _ []byte, status int, answer []byte) (int, []byte) {
			if path == file || path == full {
				return 404, nil
			}
			return status, answer
		}
	}},
	{what: "another envelope", name: EnvelopeNotLeaf, lie: func(w *world, _ *Options) {
		w.some(1)
		w.records[len(w.records)-1].named.Envelope = w.records[len(w.records)-2].named.Envelope
	}, beside: []Name{APILogDiffers, ReleaseDropped}},
	{what: "another name", name: EnvelopeNotLeaf, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(recordsFile(w, tlog.Envelopes), func(status int, answer []byte) (int, []byte) {
			return status, bytes.ReplaceAll(answer, []byte("example:pa"), []byte("example:px"))
		})
	}},
	{what: "no bundle", name: EnvelopeNotLeaf, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(recordsFile(w, tlog.Envelopes), func(status int, answer []byte) (int, []byte) { return status, answer[:len(answer)-1] })
	}},
}

func changeLogs(change func(records []api.PublishedRecord) []api.PublishedRecord) func(w *world, _ *Options) {
	return func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.publish("example:pa", w.author)
		w.checkpoint()
		w.tamper = tampered(api.FetchLogsPath, func(status int, answer []byte) (int, []byte) {
			var r api.FetchLogsResponse
			must(w.t, r.UnmarshalJSON(answer))
			for i, p := range r.Packages {
				if len(p.Value) == 2 {
					r.Packages[i].Value = change(p.Value)
				}
			}
			return status, r.AppendJSON(nil)
		})
	}
}

func changeInclusion(change func(log *proof.LogBundle, heads *proof.MapBundle)) func(w *world, _ *Options) {
	return func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(api.ProveInclusionPath, func(status int, answer []byte) (int, []byte) {
			var r api.InclusionResponse
			must(w.t, r.UnmarshalJSON(answer))
			log, err := proof.DecodeLogBundle(r.Log)
			must(w.t, err)
			heads, err := proof.DecodeMapBundle(r.Map)
			must(w.t, err)
			change(&log, &heads)
			r.Log, r.Map = log.Encode(), heads.Encode()
			return status, r.AppendJSON(nil)
		})
	}
}

var apiLies = []lieTest{
	{what: "left out", name: ReleaseDropped, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord { return r[1:] })},
	{what: "left out", name: APILogDiffers, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord { return r[:1] })},
	{what: "another index", name: APILogDiffers, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord {
		r[0].RegistryIndex--
		return r
	})},
	{what: "not in the log", name: APILogDiffers, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord {
		r[1].RegistryIndex += 100
		return append(r[:1:1], r[1])
	}), beside: []Name{ReleaseDropped}},
	{what: "another signature", name: APILogDiffers, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord {
		r[1].Envelope.Signature = r[0].Envelope.Signature
		return r
	})},
	{what: "denied", name: APILogDiffers, lie: func(w *world, _ *Options) {
		w.publish("example:pa", w.author)
		w.checkpoint()
		w.tamper = tampered(api.FetchLogsPath, deny)
	}},
	{what: "another name", name: APINameDiffers, lie: func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.checkpoint()
		w.tamper = tampered(api.FetchPackageNamesPath, func(status int, answer []byte) (int, []byte) {
			return status, bytes.ReplaceAll(answer, []byte("example:pa"), []byte("example:px"))
		})
	}},
	{what: "of the log", name: BundleIncomplete, lie: changeInclusion(func(log *proof.LogBundle, _ *proof.MapBundle) {
		log.IncludedNodes = log.IncludedNodes[1:]
	})},
	{what: "of the map", name: BundleIncomplete, lie: changeInclusion(func(_ *proof.LogBundle, heads *proof.MapBundle) {
		heads.Proofs = heads.Proofs[1:]
	})},
	{what: "another proof", name: ProofDiffers, lie: changeInclusion(func(_ *proof.LogBundle, heads *proof.MapBundle) {
		wrong := protocol.HashOf()
		heads.Proofs[0][0] = &wrong
	}), beside: []Name{CheckpointNeverServed}},
	{what: "consistency", name: ProofDiffers, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(api.ProveConsistencyPath, deny)
	}},
	{what: "altered", name: ContentAltered, lie: func(w *world, _ *Options) {
		w.some(1)
		for digest := range w.contents {
			w.contents[digest] = append(w.contents[digest], '!')
		}
	}},
	{what: "withheld", name: ContentWithheld, lie: func(w *world, _ *Options) {
		w.some(1)
		clear(w.contents)
	}},
	{what: "withheld by its source", name: ContentWithheld, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = func(path string, _ []byte, status int, answer []byte) (int, []byte) {
			if strings.HasPrefix(path, "content/") {
				return 404, nil
			}
			return status, answer
		}
	}},
	{what: "leaves", name: LogRootDiffers, fresh: true, lie: func(w *world, o *Options) {
		w.noTiles = true
		o.VKeys, o.Policy = nil, nil
		w.tamper = tampered(api.LedgerRecordsPath(7), flip)
	}},
	{what: "a record less, without tiles", name: APILogDiffers, fresh: true, lie: func(w *world, o *Options) {
		o.VKeys, o.Policy, w.noTiles = nil, nil, true
		changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord { return r[:1] })(w, o)
		base := w.tamper
		w.tamper = func(path string, asked []byte, status int, answer []byte) (int, []byte) {
			if path == api.FetchLogsPath {
				var r api.FetchLogsResponse
				must(w.t, r.UnmarshalJSON(answer))
				for i := range r.Packages {
					r.Packages[i].Value = r.Packages[i].Value[1:]
				}
				return status, r.AppendJSON(nil)
			}
			return base(path, asked, status, answer)
		}
	}},
}

var noteLies = []lieTest{
	{what: "by another key", name: NoteSignature, lie: func(w *world, _ *Options) {
		text, err := tlog.GenerateNoteKey(tlog.Records.Origin(testOrigin), false)
		must(w.t, err)
		w.noteKeys[tlog.Records], err = tlog.ParseNoteKey(text)
		must(w.t, err)
	}},
	{what: "changed", name: NoteSignature, lie: func(w *world, _ *Options) {
		w.tamper = tampered(tlog.Records.Path()+"/checkpoint", func(status int, answer []byte) (int, []byte) {
			return status, bytes.Replace(answer, []byte("\n19\n"), []byte("\n18\n"), 1)
		})
	}},
	{what: "of the other log", name: NoteSignature, lie: func(w *world, _ *Options) {
		w.tamper = tampered(tlog.Records.Path()+"/checkpoint", func(status int, _ []byte) (int, []byte) { return status, w.note(tlog.Checkpoints) })
	}},
	{what: "for weeks", name: NoteStale, beside: []Name{CheckpointNotLogged}, lie: func(w *world, _ *Options) {
		w.cosigned = w.now
		w.noteSize[tlog.Records], w.noteSize[tlog.Checkpoints] = w.size(tlog.Records), w.size(tlog.Checkpoints)
		w.some(2)
		w.now = w.now.Add(14 * 24 * time.Hour)
		w.checkpointOf(w.heads, false)
	}},
	{what: "a root of its own", name: NoteInconsistent, fresh: true, lie: func(w *world, _ *Options) {
		w.tamper = tampered(tlog.Records.Path()+"/checkpoint", func(status int, _ []byte) (int, []byte) {
			text, err := w.noteKeys[tlog.Records].Sign(tlog.TreeHead{Origin: tlog.Records.Origin(testOrigin), Size: w.size(tlog.Records), Root: protocol.HashOf()})
			must(w.t, err)
			return status, append(text, w.witness.Cosign(w.t, text, uint64(w.now.Unix()))...)
		})
	}},
	cosigned("time zero", CosignatureTimeZero, func(w *world, note []byte) string { return w.witness.Cosign(w.t, note, 0) }, CosignatureQuorum),
	cosigned("tomorrow", CosignatureFuture, func(w *world, note []byte) string {
		return w.witness.Cosign(w.t, note, uint64(w.now.Add(24*time.Hour).Unix()))
	}),
	cosigned("by somebody else", CosignatureStranger, func(w *world, note []byte) string {
		return witnesstest.NewKey("stranger.example").Cosign(w.t, note, uint64(w.now.Unix()))
	}, CosignatureQuorum),
	cosigned("another key of the name", CosignatureStranger, func(w *world, note []byte) string {
		return witnesstest.NewMLDSAKey(w.t, w.witness.Name).Cosign(w.t, note, uint64(w.now.Unix()))
	}, CosignatureQuorum),
	cosigned("of the other log", CosignatureOrigin, func(w *world, _ []byte) string {
		return w.witness.Cosign(w.t, w.note(tlog.Checkpoints), uint64(w.now.Unix()))
	}, CosignatureQuorum),
	cosigned("of another tree", CosignatureWrong, func(w *world, note []byte) string {
		return w.witness.Cosign(w.t, bytes.Replace(note, []byte("\n19\n"), []byte("\n20\n"), 1), uint64(w.now.Unix()))
	}, CosignatureQuorum),
	cosigned("none", CosignatureQuorum, func(*world, []byte) string { return "" }),
}

func cosigned(what string, name Name, line func(w *world, note []byte) string, beside ...Name) lieTest {
	return lieTest{what: what, name: name, beside: beside, lie: func(w *world, _ *Options) {
		size := w.size(tlog.Records)
		text, err := w.noteKeys[tlog.Records].Sign(tlog.TreeHead{Origin: tlog.Records.Origin(testOrigin), Size: size, Root: w.rootAt(w.tree, size)})
		must(w.t, err)
		w.extra[tlog.Records] = line(w, text)
	}}
=======
func (w *world) publishAndCheckpoint(key protocol.PrivateKey, entries ...protocol.PackageEntry) {
	w.publish("example:pa", key, entries...)
	w.checkpoint()
>>>>>>> audit
}

// A log that two places show otherwise is found by comparing them.
func TestSplitView(t *testing.T) {
	for _, test := range []struct {
		what  string
		ahead int // checkpoints of the other place
	}{{"as long", 0}, {"shorter", -1}, {"longer", 2}} {
		t.Run(test.what, func(t *testing.T) {
			w := newWorld(t)
			w.some(6)
			other := *w
			other.noteSize, other.extra = map[tlog.Log]uint64{}, map[tlog.Log]string{}
			other.rewind()
			w.some(3)
			other.some(6 + test.ahead)
			store := new(MemoryStore)
			w.clean(store)
			a, err := New(w, store, w.options())
			must(t, err)
			same, err := a.Compare(context.Background(), w)
			must(t, err)
			if !same.Clean() {
				t.Errorf("the same place: %v", same.Findings)
			}
			report, err := a.Compare(context.Background(), &other)
			must(t, err)
			forks := 0
			for _, f := range report.Findings {
				if f.Name == LogForked {
					forks++
					checkEvidence(t, f)
				}
			}
			if forks < 2 { // of both logs
				t.Errorf("found: %v", report.Findings)
			}
		})
	}
}

// A checkpoint of another place that is further is judged in the round that gets there.
func TestOtherPlaceAhead(t *testing.T) {
	w := newWorld(t)
	w.some(3)
	store := new(MemoryStore)
	w.clean(store)
	a, err := New(w, store, w.options())
	must(t, err)
	other := *w
	w.some(1)
	lying := *w
	c := w.checkpoints[len(w.checkpoints)-1]
	c.MapRoot = protocol.HashOf()
	lying.sign(c, w.operator, false)
	lying.noteSize = map[tlog.Log]uint64{tlog.Records: other.size(tlog.Records), tlog.Checkpoints: other.size(tlog.Checkpoints)}
	report, err := a.Compare(context.Background(), &lying)
	must(t, err)
	if !report.Clean() {
		t.Errorf("found before it can be known: %v", report.Findings)
	}
	report, err = a.Round(context.Background())
	must(t, err)
	names := map[Name]bool{}
	for _, f := range report.Findings {
		names[f.Name] = true
		checkEvidence(t, f)
	}
	if !names[MapRootDiffers] || !names[CheckpointNotLogged] {
		t.Errorf("found: %v", report.Findings)
	}
	for range 3 { // what is known to be right is not kept
		_, err = a.Compare(context.Background(), w)
		must(t, err)
	}
	r, err := a.newRound(context.Background())
	must(t, err)
	if len(r.seen.Open) > 1 {
		t.Errorf("%d checkpoints are kept", len(r.seen.Open))
	}
}

// Of many findings of one name some are kept, and the others counted.
func TestManyFindings(t *testing.T) {
	w := newWorld(t)
	for i := range 25 {
		w.release("other:p"+letters(i), "1.0.0")
	}
	w.checkpoint()
	report, err := w.audit(new(MemoryStore))
	must(t, err)
	if len(report.Findings) != 10 || report.Suppressed[NamespaceUndefined] != 15 {
		t.Errorf("%d findings, suppressed %v", len(report.Findings), report.Suppressed)
	}
}

// What was audited by the API alone goes on by static files, once there are some.
func TestTilesComeLater(t *testing.T) {
	w := newWorld(t)
	w.some(6)
	w.noTiles = true
	o := w.options()
	o.VKeys, o.Policy = nil, nil
	store := new(MemoryStore)
	_, err := w.auditWith(store, o)
	must(t, err)
	w.some(2)
	w.noTiles = false
	lying := store.Snapshot()
	report := w.clean(store)
	if report.Records != uint64(len(w.records)) || report.Checkpoints != uint64(len(w.checkpoints)) {
		t.Errorf("%+v", report)
	}
	w.checkpoints[3].LogRoot = protocol.HashOf()
	w.cpTree = new(memoryTree)
	for _, c := range w.checkpoints {
		w.cpTree.append(leafHash(c.Encode()))
	}
	if report, err = w.audit(lying); err != nil || len(report.Findings) != 1 || report.Findings[0].Name != LogForked {
		t.Fatalf("%v, %v", report.Findings, err)
	}
	checkEvidence(t, report.Findings[0])
}

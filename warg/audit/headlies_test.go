package audit

import (
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

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
	{what: "wrong signature of a longer log", name: CheckpointSignature, lie: func(w *world, _ *Options) { w.signed.Contents.LogLength += 100 }},
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
	{what: "signed the day before yesterday", name: CheckpointStale, lie: func(w *world, _ *Options) { w.now = w.now.Add(25 * time.Hour) }},
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
	{what: "to an empty log", name: CheckpointNotLogged, fresh: true, beside: []Name{LogRewound}, lie: func(w *world, _ *Options) {
		w.noteSize[tlog.Checkpoints] = 0
		w.now = w.now.Add(2 * time.Hour)
	}},
	{what: "no checkpoint", name: CheckpointsOrder, signed: true, lie: func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.sign(worldCheckpoint{raw: []byte("garbage")}, w.operator, true)
		w.some(1)
	}},
	{what: "no record", name: InvalidRecord, rule: LeafMalformed, signed: true, lie: func(w *world, _ *Options) {
		w.some(1)
		w.records = append(w.records, worldRecord{entry: []byte("garbage"), named: w.records[0].named})
		w.tree.append(leafHash([]byte("garbage")))
		w.some(2)
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

// bareLies are those of a registry without static files.
var bareLies = []lieTest{
	{what: "in the latest checkpoint", name: MapRootDiffers, signed: true, lie: func(w *world, _ *Options) {
		w.some(1)
		w.release("example:pb", "8.0.0")
		w.checkpointOf(w.headsWith("example:pc", protocol.HashOf([]byte("x"))), true)
	}},
	{what: "from nothing", name: MapRootDiffers, signed: true, fresh: true, lie: func(w *world, _ *Options) {
		w.release("example:pb", "8.0.0")
		w.checkpointOf(w.headsWith("example:pc", protocol.HashOf([]byte("x"))), true)
	}},
	{what: "shorter", name: LogRewound, signed: true, lie: func(w *world, _ *Options) { w.rewind() }},
	{what: "longer", name: LogForked, signed: true, lie: func(w *world, _ *Options) { w.fork() }},
	{what: "as long", name: LogForked, signed: true, lie: func(w *world, _ *Options) {
		w.rewind()
		for len(w.records) < 19 {
			w.release("example:pa", fmt.Sprintf("7.%d.0", len(w.records)))
		}
		w.checkpoint()
	}},
	{what: "revoked key", name: CheckpointSignature, signed: true, lie: func(w *world, _ *Options) {
		second := newKey(w.t)
		w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: second.Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}})
		w.operate(second, protocol.OperatorEntry{Type: protocol.EntryRevokeFlat, KeyID: w.operator.Public().ID(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}})
		w.checkpoint()
	}},
	{what: "denied", name: APILogDiffers, fresh: true, lie: func(w *world, _ *Options) { w.tamper = tampered(api.FetchLogsPath, deny) }},
}

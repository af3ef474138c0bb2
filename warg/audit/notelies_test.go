package audit

import (
	"bytes"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

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
	{what: "for weeks, without a policy", name: NoteStale, beside: []Name{CheckpointNotLogged}, lie: func(w *world, o *Options) {
		o.Policy = nil
		w.noteSize[tlog.Records], w.noteSize[tlog.Checkpoints] = w.size(tlog.Records), w.size(tlog.Checkpoints)
		w.some(2)
		w.now = w.now.Add(14 * 24 * time.Hour)
		w.checkpointOf(w.heads, false)
	}},
	{what: "all is old", name: NoteStale, fresh: true, beside: []Name{CheckpointStale}, lie: func(w *world, _ *Options) {
		w.cosigned = w.now
		w.now = w.now.Add(40 * 24 * time.Hour)
	}},
	{what: "a new checkpoint and old cosignatures", name: NoteStale, fresh: true, lie: func(w *world, _ *Options) {
		w.cosigned = w.now
		w.now = w.now.Add(30 * 24 * time.Hour)
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
}

package audit

import (
	"fmt"
	"maps"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

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
	invalid("by a stranger", protocol.UnauthorizedAction, false, func(w *world) {
		w.publish("example:pa", newKey(w.t), protocol.PackageEntry{Type: protocol.EntryRelease, Version: "9.0.0", Content: protocol.HashOf().Any()})
	}),
	invalid("empty and by a stranger", protocol.KeyIDNotRecognized, false, func(w *world) {
		w.publish("example:pa", newKey(w.t))
	}),
	invalid("begun twice", protocol.InitialEntryAfterBeginning, true, func(w *world) {
		w.publish("example:pa", w.author, protocol.PackageEntry{Type: protocol.EntryInit, Key: w.author.Public()})
	}),
	invalid("begun without init", protocol.UnauthorizedAction, false, func(w *world) {
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
	invalid("wrong signature", protocol.SignatureError, false, func(w *world) {
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
	{what: "defines a namespace", name: OperatorStranger, rule: protocol.UnauthorizedAction, lie: func(w *world, _ *Options) {
		w.operate(newKey(w.t), protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: "theirs"})
		w.checkpoint()
	}},
	{what: "grants nothing to itself", name: OperatorStranger, rule: protocol.UnauthorizedAction, lie: func(w *world, _ *Options) {
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

package reader

import (
	"sync/atomic"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// keptLog is the end of a log, or all of it, as readers fetch it: all its records
// behind one of them that are published below a length of the records log.
type keptLog struct {
	behind  protocol.Hash     // the id of that record; zero: the log is kept from its beginning
	records []PublishedRecord // never changed
	through atomic.Uint64     // that length
}

func (k *keptLog) size() int64 {
	const (
		ofLog    = 150
		ofRecord = 300 // without its envelope
	)
	return ofLog + int64(len(k.records))*ofRecord + int64(bytesOf(k.records))
}

// after returns the records behind a fetch token, if the log is kept from there on.
func (k *keptLog) after(token string) (records []PublishedRecord, ok bool) {
	var id protocol.Hash
	if token != "" {
		var err error
		if id, err = protocol.ParseHash(token); err != nil || id == (protocol.Hash{}) {
			return nil, false
		}
	}
	if id == k.behind {
		return k.records, true
	}
	for i := len(k.records) - 1; i >= 0; i-- {
		if k.records[i].RecordID == id {
			return k.records[i+1:], true
		}
	}
	return nil, false
}

// page returns the first of some records of a log, in order: those below a length of
// the records log, at most limit, until they have so many bytes; full says that they
// ended for want of bytes. See [store.Tx.PublishedPage].
func page(records []PublishedRecord, logLength uint64, limit, bytes int) (some []PublishedRecord, full bool) {
	size := 0
	for i, r := range records {
		switch {
		case r.RegistryIndex >= logLength || i == limit:
			return records[:i], false
		case i > 0 && size >= bytes:
			return records[:i], true
		}
		size += r.stored
	}
	return records, false
}

// keptBehind returns the records of a log behind a fetch token, if they are kept up to
// the length of a checkpoint or are known not to have changed since.
func (r *Reader) keptBehind(cursor PackageLogCursor, length uint64) (records []PublishedRecord, ok bool) {
	k, ok := r.kept.logs.Get(cursor.LogID)
	if !ok {
		return nil, false
	}
	if through := k.through.Load(); through < length {
		if !r.kept.changes.none(cursor.LogID, through, length) {
			return nil, false
		}
		k.through.CompareAndSwap(through, length)
	}
	return k.after(cursor.FetchToken)
}

// keep keeps all records of a log behind one of them, or from the beginning for the
// zero id, that are published below a length.
func (r *Reader) keep(logID, behind protocol.Hash, records []PublishedRecord, length uint64) {
	if old, ok := r.kept.logs.Get(logID); ok && old.through.Load() > length {
		return
	}
	k := &keptLog{behind: behind, records: records}
	k.through.Store(length)
	r.kept.logs.Put(logID, k)
}

package audit

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// Spaces of a [Store].
const (
	spaceState    = "state"    // "position" and "seen": JSON
	spacePackage  = "package"  // by log id: packageState
	spaceRelease  = "release"  // by log id and version: protocol.Release
	spaceOperator = "operator" // by number: the index, and the envelope of each operator record
	spaceMap      = "map"      // by place: tiles of the map
	spaceRoots    = "roots"    // by length: both roots at a checkpoint
	spaceDirty    = "dirty"    // by log id: packages whose API answers are to be compared
	spaceServed   = "served"   // by index in the checkpoints log: checkpoints for which the API is to be asked
	spaceContent  = "content"  // by digest, log id and version: contents to ask for
	spaceContents = "contents" // likewise: all contents
)

// cacheBytes bounds what an overlay keeps of what it read.
const cacheBytes = 24 << 20

// overlay is a store with changes that are not committed yet, and a memory of what was
// read. It is for one goroutine at a time.
type overlay struct {
	store   Store
	pending map[string][]byte // by space, a zero byte and key; nil: removed
	order   []string
	// bytesPending is about how much the changes are; overwritten ones count too.
	bytesPending int
	// What was read or committed of late: two generations, of which the older is
	// forgotten when the newer is full.
	young, old map[string][]byte
	bytes      int // of young
}

func newOverlay(s Store) *overlay {
	return &overlay{store: s, pending: map[string][]byte{}, young: map[string][]byte{}}
}

func fullKey(space string, key []byte) string { return space + "\x00" + string(key) }

func (o *overlay) get(ctx context.Context, space string, key []byte) ([]byte, error) {
	full := fullKey(space, key)
	if value, ok := o.pending[full]; ok {
		return value, nil
	}
	if value, ok := o.young[full]; ok {
		return value, nil
	}
	value, ok := o.old[full]
	if !ok {
		var err error
		if value, err = o.store.Get(ctx, space, key); err != nil {
			return nil, fmt.Errorf("read %s from the store: %w", space, err)
		}
	}
	o.remember(full, value)
	return value, nil
}

func (o *overlay) remember(full string, value []byte) {
	if o.bytes > cacheBytes/2 {
		o.old, o.young, o.bytes = o.young, map[string][]byte{}, 0
	}
	o.young[full] = value
	o.bytes += len(full) + len(value) + 64
}

func (o *overlay) put(space string, key, value []byte) {
	full := fullKey(space, key)
	if _, ok := o.pending[full]; !ok {
		o.order = append(o.order, full)
	}
	o.pending[full] = value
	o.bytesPending += len(full) + len(value)
}

// commit makes the changes last.
func (o *overlay) commit(ctx context.Context) error {
	if len(o.order) == 0 {
		return nil
	}
	changes := make([]Put, len(o.order))
	for i, full := range o.order {
		changes[i] = o.change(full)
	}
	if err := o.store.Commit(ctx, changes); err != nil {
		return fmt.Errorf("commit to the store: %w", err)
	}
	for _, full := range o.order {
		delete(o.old, full)
		o.remember(full, o.pending[full])
	}
	o.drop()
	return nil
}

func (o *overlay) change(full string) Put {
	for i := range len(full) {
		if full[i] == 0 {
			return Put{Space: full[:i], Key: []byte(full[i+1:]), Value: o.pending[full]}
		}
	}
	return Put{Space: full}
}

// drop forgets the changes that are not committed.
func (o *overlay) drop() {
	clear(o.pending)
	o.order, o.bytesPending = o.order[:0], 0
}

func (o *overlay) getJSON(ctx context.Context, space string, key []byte, v any) (bool, error) {
	b, err := o.get(ctx, space, key)
	if err != nil || b == nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("what the store has in %s can not be read: %w", space, err)
	}
	return true, nil
}

func (o *overlay) putJSON(space string, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode what goes into %s: %w", space, err)
	}
	o.put(space, key, b)
	return nil
}

// numberKey is a key that sorts as its number.
func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

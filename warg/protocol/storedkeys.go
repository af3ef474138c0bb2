package protocol

import (
	"bytes"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/internal/protoread"
)

// storedKeys are the permissions and keys of a log as they stand in its stored
// state. Most records ask for one key and change none, so the lists stay encoded
// until a record needs more than that.
type storedKeys[P ~string] struct {
	all           []P // the permissions in the order of their numbers
	holders, keys storedList
	lookups       int // searches so far
}

// add counts a field of either list, which takes size bytes with its tag.
func (s *storedKeys[P]) add(f protoread.Field, size int) error {
	member, err := f.Message()
	if err != nil {
		return err
	}
	if f.Number == stateHolders {
		s.holders.n++
		s.holders.size += size
		_, _, err = parseHolder(member, s.all)
	} else {
		s.keys.n++
		s.keys.size += size
		_, _, err = parseKey(member)
	}
	return err
}

// from takes the lists, both of which are counted, off the end of the state.
func (s *storedKeys[P]) from(state []byte) {
	state, s.keys.fields = cutEnd(state, s.keys.size)
	_, s.holders.fields = cutEnd(state, s.holders.size)
}

func cutEnd(b []byte, n int) (rest, end []byte) {
	return b[:len(b)-n], b[len(b)-n:]
}

// storedList is the fields of one list, back to back, n of them in size bytes.
// All have been parsed once without error.
type storedList struct {
	fields  []byte
	n, size int
}

// maxLookups is how often lists are searched before they are decoded. Decoding,
// mostly the making of the indexes, costs about as much as that many searches.
const maxLookups = 16

// find returns the member with that id.
func (l storedList) find(id KeyID) (member []byte, ok bool) {
	prefix := memberPrefix(id)
	for r := protoread.New(l.fields); !r.Done(); {
		if f, _ := r.Next(); isMember(f.Bytes, prefix) {
			return f.Bytes, true
		}
	}
	return nil, false
}

func (l storedList) each(visit func(member []byte)) {
	for r := protoread.New(l.fields); !r.Done(); {
		f, _ := r.Next()
		visit(f.Bytes)
	}
}

// Both kinds of member are an id in field 1, absent if it is empty, and a bytes
// field 2.
const (
	memberIDTag    = 1<<3 | byte(protowire.BytesType)
	memberValueTag = 2<<3 | byte(protowire.BytesType)
)

// memberPrefix is what a member with that id begins with.
func memberPrefix(id KeyID) []byte { return appendText(nil, 1, string(id)) }

func isMember(member, prefix []byte) bool {
	rest, ok := bytes.CutPrefix(member, prefix)
	return ok && (len(rest) == 0 || rest[0] == memberValueTag)
}

var errMember = errors.New("a key or its permissions are damaged")

// cutMember splits a member of a list. value is nil if there is no field 2.
func cutMember(member []byte) (id, value []byte, err error) {
	if id, member, err = cutBytesField(member, memberIDTag); err == nil {
		value, member, err = cutBytesField(member, memberValueTag)
	}
	if err == nil && len(member) != 0 {
		err = errMember
	}
	return id, value, err
}

// cutBytesField cuts off a field that may be absent, but not empty.
func cutBytesField(b []byte, tag byte) (value, rest []byte, err error) {
	if len(b) == 0 || b[0] != tag {
		return nil, b, nil
	}
	value, n := protowire.ConsumeBytes(b[1:])
	if n < 0 || len(value) == 0 {
		return nil, nil, errMember
	}
	return value, b[1+n:], nil
}

// parseHolder reads a member of the first list.
func parseHolder[P ~string](member []byte, all []P) (id []byte, held permissionSet[P], err error) {
	id, numbers, err := cutMember(member)
	if err != nil {
		return nil, held, err
	}
	for _, n := range numbers {
		if n < 1 || int(n) > len(all) || held.has(all[n-1]) {
			return nil, held, errMember
		}
		held = held.with(all[n-1])
	}
	return id, held, nil
}

// parseKey reads a member of the second list. It takes the point as it is: it
// was a key when it was written, and decompressing every key of a log for each
// record would cost more than the rest of the validation. A damaged point
// verifies nothing.
func parseKey(member []byte) (id []byte, key PublicKey, err error) {
	id, point, err := cutMember(member)
	if err != nil {
		return nil, key, err
	}
	if len(point) != compressedSize || point[0] != tagEven && point[0] != tagOdd {
		return nil, key, errMember
	}
	key.point = [compressedSize]byte(point)
	return id, key, nil
}

// stillStored reports whether the next search is one through the stored lists,
// and counts it.
func (k *keyring[P]) stillStored() bool {
	if k.stored == nil {
		return false
	}
	if k.stored.lookups == maxLookups {
		k.decode()
		return false
	}
	k.stored.lookups++
	return true
}

// held returns the permissions of a key; known is false if it never had any.
func (k *keyring[P]) held(id KeyID) (held permissionSet[P], known bool) {
	if !k.stillStored() {
		return k.permissions.get(id)
	}
	member, known := k.stored.holders.find(id)
	if known {
		_, held, _ = parseHolder(member, k.stored.all)
	}
	return held, known
}

// PublicKey returns a key that the log knows, whether or not it still has
// permissions.
func (k *keyring[P]) PublicKey(id KeyID) (PublicKey, bool) {
	if !k.stillStored() {
		return k.keys.get(id)
	}
	member, known := k.stored.keys.find(id)
	if !known {
		return PublicKey{}, false
	}
	_, key, _ := parseKey(member)
	return key, true
}

// KeyCount returns the number of keys that the log knows, those included that
// have no permission any more.
func (k *keyring[P]) KeyCount() int {
	if k.stored != nil {
		return k.stored.keys.n
	}
	return k.keys.len()
}

// decode decodes the stored lists. It must come before every change of a key.
func (k *keyring[P]) decode() {
	stored := k.stored
	if stored == nil {
		return
	}
	k.stored = nil
	k.permissions.grow(stored.holders.n)
	stored.holders.each(func(member []byte) {
		id, held, _ := parseHolder(member, stored.all)
		k.permissions.set(KeyID(id), held)
	})
	k.keys.grow(stored.keys.n)
	stored.keys.each(func(member []byte) {
		id, key, _ := parseKey(member)
		k.keys.set(KeyID(id), key)
	})
	// Nothing was changed yet, or the lists would have been decoded before: what
	// has just been filled in is what a rollback returns to.
	k.permissions.begin()
	k.keys.begin()
}

// appendStateKeys appends both lists.
func (k *keyring[P]) appendStateKeys(b []byte, all []P) []byte {
	if k.stored != nil {
		return append(append(b, k.stored.holders.fields...), k.stored.keys.fields...)
	}
	var member []byte
	for id, held := range k.permissions.all() {
		member = appendText(member[:0], 1, string(id))
		b = appendMessage(b, stateHolders, appendPermissions(member, 2, all, held.list()))
	}
	for id, key := range k.keys.all() {
		member = appendText(member[:0], 1, string(id))
		b = appendMessage(b, stateKeys, appendMessage(member, 2, key.point[:]))
	}
	return b
}

// sizeOfKeys is about what appendStateKeys appends, in bytes.
func (k *keyring[P]) sizeOfKeys() int {
	if k.stored != nil {
		return len(k.stored.holders.fields) + len(k.stored.keys.fields)
	}
	return 200 * k.keys.len()
}

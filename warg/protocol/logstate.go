package protocol

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/internal/protoread"
)

// The stored state of a package log is a protobuf message of our own, because it
// is read and written for each record that is published:
//
//	message State {
//	  bytes head = 1;           // 32 bytes; absent in an empty log
//	  int64 seconds = 2;        // time of the head
//	  int32 nanos = 3;
//	  bool initialized = 4;
//	  repeated Holder holders = 5;
//	  repeated Key keys = 6;
//	}
//	message Holder { string key_id = 1; repeated int32 permissions = 2; }
//	message Key { string key_id = 1; bytes point = 2; } // SEC 1, compressed
//
// Fields stand in the order of their numbers. Both lists are in the order of the
// log, and so are the permissions; permissions are packed. What does not have this
// form is not a state.
const (
	stateHead        = 1
	stateSeconds     = 2
	stateNanos       = 3
	stateInitialized = 4
	stateHolders     = 5
	stateKeys        = 6
)

// MarshalState returns the state without the releases, in a compact form of our
// own. Its length depends on the number of keys only. Its cost does so too, but is
// little more than that of copying it if the log came from
// [PackageLog.UnmarshalState] and its keys have not changed. Releases are kept
// elsewhere; those that a record names must be put back with
// [PackageLog.SetRelease] before the record is validated.
func (l *PackageLog) MarshalState() ([]byte, error) {
	b := make([]byte, 0, 64+l.sizeOfKeys())
	if l.hasHead {
		b = appendMessage(b, stateHead, l.head[:])
		b = appendUint(b, stateSeconds, uint64(l.headTime.Seconds))
		b = appendUint(b, stateNanos, uint64(l.headTime.Nanos))
	}
	b = appendUint(b, stateInitialized, protowire.EncodeBool(l.initialized))
	return l.appendStateKeys(b, packagePermissions), nil
}

// UnmarshalState replaces the state by one that MarshalState returned. No
// releases are known then. The log keeps state, which must not change any more:
// keys are decoded when they are needed.
func (l *PackageLog) UnmarshalState(state []byte) error {
	var parsed PackageLog
	if err := parsed.unmarshalState(state, packagePermissions); err != nil {
		return fmt.Errorf("state of a package log: %w", err)
	}
	*l = parsed
	return nil
}

// appendUint appends a varint field; proto3 leaves zeros out.
func appendUint(b []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func (k *keyring[P]) unmarshalState(state []byte, all []P) error {
	stored := storedKeys[P]{all: all}
	var last uint32
	r := protoread.New(state)
	for !r.Done() {
		before := len(r.Rest())
		f, err := r.Next()
		if err != nil {
			return err
		}
		isList := f.Number == stateHolders || f.Number == stateKeys
		if f.Number > stateKeys || f.Number < last || f.Number == last && !isList {
			return fmt.Errorf("field %d is not expected behind field %d", f.Number, last)
		}
		last = f.Number
		if isList {
			err = stored.add(f, before-len(r.Rest()))
		} else {
			err = k.setStateField(f)
		}
		if err != nil {
			return err
		}
	}
	stored.from(state)
	k.stored = &stored
	return nil
}

func (k *keyring[P]) setStateField(f protoread.Field) error {
	if f.Number == stateHead {
		if len(f.Bytes) != HashSize {
			return fmt.Errorf("head has %d bytes, want %d", len(f.Bytes), HashSize)
		}
		k.head, k.hasHead = Hash(f.Bytes), true
		return nil
	}
	switch f.Number {
	case stateSeconds:
		k.headTime.Seconds = int64(f.Varint)
	case stateNanos:
		k.headTime.Nanos = int32(f.Varint)
	case stateInitialized:
		k.initialized = protowire.DecodeBool(f.Varint)
	}
	return f.Want(protowire.VarintType)
}

// StateKey returns a key that a state by [PackageLog.MarshalState] holds; ok is
// false if the log does not know the key. It takes the time of one search through
// the bytes, far less than decoding the state. The state of an empty log may be
// nil.
func StateKey(state []byte, id KeyID) (key PublicKey, ok bool, err error) {
	prefix := memberPrefix(id)
	r := protoread.New(state)
	for !r.Done() {
		f, err := r.Next()
		if err != nil {
			return PublicKey{}, false, fmt.Errorf("state of a package log: %w", err)
		}
		if f.Number != stateKeys || !isMember(f.Bytes, prefix) {
			continue
		}
		if _, key, err = parseKey(f.Bytes); err != nil {
			return PublicKey{}, false, fmt.Errorf("state of a package log: %w", err)
		}
		return key, true, nil
	}
	return PublicKey{}, false, nil
}

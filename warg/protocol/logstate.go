package protocol

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/internal/protoread"
)

// A log's stored state is a protobuf message of our own, because it is read and
// written for each record that is published:
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
// Both lists are in the order of the log, and so are the permissions.
const (
	stateHead        = 1
	stateSeconds     = 2
	stateNanos       = 3
	stateInitialized = 4
	stateHolders     = 5
	stateKeys        = 6
)

// MarshalState returns the state without the releases, in a compact form of our
// own. Its length and cost depend on the number of keys only. Releases are kept
// elsewhere; those that a record names must be put back with
// [PackageLog.SetRelease] before the record is validated.
func (l *PackageLog) MarshalState() ([]byte, error) {
	return l.marshalState(packagePermissions), nil
}

// UnmarshalState replaces the state by one that MarshalState returned. No
// releases are known then.
func (l *PackageLog) UnmarshalState(state []byte) error {
	var parsed PackageLog
	if err := parsed.unmarshalState(state, packagePermissions); err != nil {
		return fmt.Errorf("state of a package log: %w", err)
	}
	*l = parsed
	return nil
}

// MarshalState returns the state without the namespaces, in a compact form of
// our own. Namespaces are kept elsewhere; those that a record names must be put
// back with [OperatorLog.SetNamespace] before the record is validated.
func (l *OperatorLog) MarshalState() ([]byte, error) {
	return l.marshalState(operatorPermissions), nil
}

// UnmarshalState replaces the state by one that MarshalState returned. No
// namespaces are known then.
func (l *OperatorLog) UnmarshalState(state []byte) error {
	var parsed OperatorLog
	if err := parsed.unmarshalState(state, operatorPermissions); err != nil {
		return fmt.Errorf("state of an operator log: %w", err)
	}
	*l = parsed
	return nil
}

func (k *keyring[P]) marshalState(all []P) []byte {
	b := make([]byte, 0, 64+200*k.keys.len())
	if k.hasHead {
		b = appendMessage(b, stateHead, k.head[:])
		b = appendUint(b, stateSeconds, uint64(k.headTime.Seconds))
		b = appendUint(b, stateNanos, uint64(k.headTime.Nanos))
	}
	b = appendUint(b, stateInitialized, protowire.EncodeBool(k.initialized))
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

// appendUint appends a varint field; proto3 leaves zeros out.
func appendUint(b []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func (k *keyring[P]) unmarshalState(state []byte, all []P) error {
	r := protoread.New(state)
	for !r.Done() {
		f, err := r.Next()
		if err != nil {
			return err
		}
		switch f.Number {
		case stateHead:
			if len(f.Bytes) != HashSize {
				return fmt.Errorf("head has %d bytes, want %d", len(f.Bytes), HashSize)
			}
			k.head, k.hasHead = Hash(f.Bytes), true
		case stateSeconds:
			k.headTime.Seconds = int64(f.Varint)
		case stateNanos:
			k.headTime.Nanos = int32(f.Varint)
		case stateInitialized:
			k.initialized = protowire.DecodeBool(f.Varint)
		case stateHolders:
			err = k.readHolder(f.Bytes, all)
		case stateKeys:
			err = k.readKey(f.Bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *keyring[P]) readHolder(message []byte, all []P) error {
	var e wireEntry
	if err := e.mergeMember(protoread.New(message), permissionsSecond); err != nil {
		return err
	}
	permissions, err := permissionsOf(all, e.permissions)
	if err != nil {
		return err
	}
	var held permissionSet[P]
	for _, p := range permissions {
		held = held.with(p)
	}
	k.permissions.set(KeyID(e.text1), held)
	return nil
}

// readKey takes the point as it is: it was a key when it was written, and
// decompressing every key of a log for each record would cost more than the rest
// of the validation. A damaged point verifies nothing.
func (k *keyring[P]) readKey(message []byte) error {
	var id KeyID
	var key PublicKey
	r := protoread.New(message)
	for !r.Done() {
		f, err := r.Next()
		if err != nil {
			return err
		}
		switch f.Number {
		case 1:
			id = KeyID(f.Bytes)
		case 2:
			if len(f.Bytes) != compressedSize || !slices.Contains([]byte{tagEven, tagOdd}, f.Bytes[0]) {
				return errors.New("a key is not a compressed point")
			}
			key.point = [compressedSize]byte(f.Bytes)
		}
	}
	if key.IsZero() {
		return errors.New("a key has no point")
	}
	k.keys.set(id, key)
	return nil
}

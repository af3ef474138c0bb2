package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// ReceivedCheckpoint is a signed checkpoint as the protocol accepts it from
// anybody: its roots may be hashes of any length. One by an honest registry
// passes [ReceivedCheckpoint.Checked].
type ReceivedCheckpoint struct {
	LogRoot   AnyHash
	LogLength uint64
	MapRoot   AnyHash
	Timestamp uint64 // seconds since 1970
	KeyID     KeyID
	Signature Signature
}

// Checked returns the checkpoint in the strict type. It refuses roots that are
// not 32 bytes long.
func (c ReceivedCheckpoint) Checked() (SignedCheckpoint, error) {
	logRoot, err := c.LogRoot.Hash()
	if err != nil {
		return SignedCheckpoint{}, fmt.Errorf("logRoot of checkpoint: %w", err)
	}
	mapRoot, err := c.MapRoot.Hash()
	if err != nil {
		return SignedCheckpoint{}, fmt.Errorf("mapRoot of checkpoint: %w", err)
	}
	return SignedCheckpoint{
		Contents: TimestampedCheckpoint{
			Checkpoint: Checkpoint{LogRoot: logRoot, LogLength: c.LogLength, MapRoot: mapRoot},
			Timestamp:  c.Timestamp,
		},
		KeyID:     c.KeyID,
		Signature: c.Signature,
	}, nil
}

// Encode returns the encoding that is signed, see
// [TimestampedCheckpoint.Encode].
func (c ReceivedCheckpoint) Encode() []byte {
	b := appendCheckpoint(timestampedCheckpointTag, string(c.LogRoot), c.LogLength, string(c.MapRoot))
	return binary.AppendUvarint(b, c.Timestamp)
}

// Verify returns [ErrSignature] unless the signature is by key. It does not look
// at KeyID.
func (c ReceivedCheckpoint) Verify(key PublicKey) error {
	if !key.Verify(CheckpointSignature, c.Encode(), c.Signature) {
		return ErrSignature
	}
	return nil
}

// MarshalJSON returns {"contents", "keyId", "signature"}.
func (c ReceivedCheckpoint) MarshalJSON() ([]byte, error) {
	b := append(appendName([]byte{'{'}, "contents"), c.appendContents(nil)...)
	b = appendMember(b, "keyId", string(c.KeyID))
	b = appendMember(b, "signature", c.Signature.String())
	return append(b, '}'), nil
}

func (c ReceivedCheckpoint) appendContents(b []byte) []byte {
	b = appendCheckpointJSON(b, string(c.LogRoot), c.LogLength, string(c.MapRoot))
	b = strconv.AppendUint(appendName(b, "timestamp"), c.Timestamp, 10)
	return append(b, '}')
}

// appendCheckpointJSON appends the members of a checkpoint and leaves the object
// open.
func appendCheckpointJSON(b []byte, logRoot string, length uint64, mapRoot string) []byte {
	b = appendMember(append(b, '{'), "logRoot", logRoot)
	b = strconv.AppendUint(appendName(b, "logLength"), length, 10)
	return appendMember(b, "mapRoot", mapRoot)
}

var (
	signedCheckpointMembers = []string{"contents", "keyId", "signature"}
	checkpointMembers       = []string{"logRoot", "logLength", "mapRoot", "timestamp"}
)

// UnmarshalJSON reads what MarshalJSON writes, as strictly as the reference; see
// [Envelope.UnmarshalJSON].
func (c *ReceivedCheckpoint) UnmarshalJSON(data []byte) error {
	var parsed ReceivedCheckpoint
	err := decodeJSONStruct(data, signedCheckpointMembers, func(member int, value []byte) error {
		if signedCheckpointMembers[member] == "contents" {
			return parsed.parseContents(value, true)
		}
		text, err := jsonText(value)
		if err != nil {
			return err
		}
		if signedCheckpointMembers[member] == "keyId" {
			parsed.KeyID = KeyID(text)
			return nil
		}
		parsed.Signature, err = ParseSignature(text)
		return err
	})
	if err != nil {
		return fmt.Errorf("signed checkpoint: %w", err)
	}
	*c = parsed
	return nil
}

func (c *ReceivedCheckpoint) parseContents(data []byte, timestamped bool) error {
	// Of this object, whose members are flattened from two structs, the reference
	// reads unknown members too.
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	members := checkpointMembers
	if !timestamped {
		members = members[:3]
	}
	return decodeJSONObject(data, members, func(member int, value []byte) (err error) {
		switch members[member] {
		case "logLength":
			c.LogLength, err = jsonUint(value)
		case "timestamp":
			c.Timestamp, err = jsonUint(value)
		case "logRoot":
			c.LogRoot, err = jsonAnyHash(value)
		case "mapRoot":
			c.MapRoot, err = jsonAnyHash(value)
		}
		return err
	})
}

func jsonAnyHash(value []byte) (AnyHash, error) {
	text, err := jsonText(value)
	if err != nil {
		return "", err
	}
	return ParseAnyHash(text)
}

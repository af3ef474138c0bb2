package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
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

// UnmarshalJSON reads what MarshalJSON writes, as strictly as the reference; see
// [Envelope.UnmarshalJSON].
func (c *ReceivedCheckpoint) UnmarshalJSON(data []byte) error {
	var parsed ReceivedCheckpoint
	var keyID KeyID
	var signature Signature
	err := serde.Unmarshal(data, func(v serde.Value) error {
		return v.Struct(
			serde.Required("contents", &parsed, readTimestamped),
			serde.Required("keyId", &keyID, readKeyID),
			serde.Required("signature", &signature, serde.Parsed(ParseSignature)),
		)
	})
	if err != nil {
		return fmt.Errorf("signed checkpoint: %w", err)
	}
	parsed.KeyID, parsed.Signature = keyID, signature
	*c = parsed
	return nil
}

// readTimestamped reads all but the key id and the signature.
func readTimestamped(v serde.Value) (c ReceivedCheckpoint, err error) {
	err = c.readContents(v, serde.Required("timestamp", &c.Timestamp, serde.Value.Uint64))
	return c, err
}

// readContents reads a checkpoint and what else is in its object.
func (c *ReceivedCheckpoint) readContents(v serde.Value, others ...serde.Field) error {
	// Of this object, whose members are flattened from two structs, the reference
	// reads unknown members too.
	if !utf8.Valid(v) {
		return errors.New("not UTF-8")
	}
	return v.Fields(append([]serde.Field{
		serde.Required("logRoot", &c.LogRoot, serde.Parsed(ParseAnyHash)),
		serde.Required("logLength", &c.LogLength, serde.Value.Uint64),
		serde.Required("mapRoot", &c.MapRoot, serde.Parsed(ParseAnyHash)),
	}, others...)...)
}

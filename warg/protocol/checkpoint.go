package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
)

// Checkpoint commits to everything published so far: the records log's root and
// length, and the root of the map over exactly those leaves.
type Checkpoint struct {
	LogRoot   Hash
	LogLength uint64
	MapRoot   Hash
}

// TimestampedCheckpoint is a checkpoint and when it was made, in seconds since
// 1970.
type TimestampedCheckpoint struct {
	Checkpoint
	Timestamp uint64
}

// SignedCheckpoint is a checkpoint as a registry publishes it. A checkpoint of
// unknown origin is better read as a [ReceivedCheckpoint].
type SignedCheckpoint struct {
	Contents  TimestampedCheckpoint
	KeyID     KeyID
	Signature Signature
}

const (
	checkpointTag            = "WARG-CHECKPOINT-V0"
	timestampedCheckpointTag = "WARG-TIMESTAMPED-CHECKPOINT-V0"
)

// Encode returns the checkpoint's encoding: "WARG-CHECKPOINT-V0", the length as
// unsigned LEB128, and both roots as text.
func (c Checkpoint) Encode() []byte {
	return appendCheckpoint(checkpointTag, c.LogRoot.String(), c.LogLength, c.MapRoot.String())
}

// ID returns the hash of the encoding.
func (c Checkpoint) ID() Hash { return HashOf(c.Encode()) }

// MarshalJSON returns {"logRoot", "logLength", "mapRoot"}.
func (c Checkpoint) MarshalJSON() ([]byte, error) {
	return append(appendCheckpointJSON(nil, c.LogRoot.String(), c.LogLength, c.MapRoot.String()), '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes. All members must be there.
func (c *Checkpoint) UnmarshalJSON(data []byte) error {
	var parsed ReceivedCheckpoint
	if err := serde.Unmarshal(data, func(v serde.Value) error { return parsed.readContents(v) }); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	strict, err := parsed.Checked()
	if err != nil {
		return err
	}
	*c = strict.Contents.Checkpoint
	return nil
}

// NewTimestampedCheckpoint gives c the time t without its fraction of a second.
// It fails for times before 1970.
func NewTimestampedCheckpoint(c Checkpoint, t time.Time) (TimestampedCheckpoint, error) {
	if t.Unix() < 0 {
		return TimestampedCheckpoint{}, errors.New("a checkpoint can not be older than 1970")
	}
	return TimestampedCheckpoint{Checkpoint: c, Timestamp: uint64(t.Unix())}, nil
}

// Encode returns the encoding that is signed: "WARG-TIMESTAMPED-CHECKPOINT-V0",
// the length, both roots, and the seconds as unsigned LEB128.
func (c TimestampedCheckpoint) Encode() []byte { return c.loose().Encode() }

// MarshalJSON returns {"logRoot", "logLength", "mapRoot", "timestamp"}.
func (c TimestampedCheckpoint) MarshalJSON() ([]byte, error) {
	return c.loose().appendContents(nil), nil
}

// UnmarshalJSON reads what MarshalJSON writes. All members must be there.
func (c *TimestampedCheckpoint) UnmarshalJSON(data []byte) error {
	var parsed ReceivedCheckpoint
	err := serde.Unmarshal(data, func(v serde.Value) (err error) {
		parsed, err = readTimestamped(v)
		return err
	})
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	strict, err := parsed.Checked()
	if err != nil {
		return err
	}
	*c = strict.Contents
	return nil
}

// Sign signs the checkpoint.
func (c TimestampedCheckpoint) Sign(key PrivateKey) SignedCheckpoint {
	return SignedCheckpoint{
		Contents:  c,
		KeyID:     key.Public().ID(),
		Signature: key.Sign(CheckpointSignature, c.Encode()),
	}
}

// Verify returns [ErrSignature] unless the signature is by key. That KeyID is the
// id of key, and that the key may sign checkpoints, the caller checks.
func (c SignedCheckpoint) Verify(key PublicKey) error {
	return c.Received().Verify(key)
}

// MarshalJSON returns {"contents", "keyId", "signature"}.
func (c SignedCheckpoint) MarshalJSON() ([]byte, error) { return c.Received().MarshalJSON() }

// UnmarshalJSON reads what MarshalJSON writes. Other than
// [ReceivedCheckpoint.UnmarshalJSON] it refuses roots that are not 32 bytes long.
func (c *SignedCheckpoint) UnmarshalJSON(data []byte) error {
	var parsed ReceivedCheckpoint
	if err := parsed.UnmarshalJSON(data); err != nil {
		return err
	}
	strict, err := parsed.Checked()
	if err != nil {
		return err
	}
	*c = strict
	return nil
}

// Received returns the checkpoint in the looser type.
func (c SignedCheckpoint) Received() ReceivedCheckpoint {
	r := c.Contents.loose()
	r.KeyID, r.Signature = c.KeyID, c.Signature
	return r
}

func (c TimestampedCheckpoint) loose() ReceivedCheckpoint {
	return ReceivedCheckpoint{
		LogRoot: c.LogRoot.Any(), LogLength: c.LogLength, MapRoot: c.MapRoot.Any(), Timestamp: c.Timestamp,
	}
}

func appendCheckpoint(tag, logRoot string, length uint64, mapRoot string) []byte {
	b := make([]byte, 0, 256)
	b = append(b, tag...)
	b = binary.AppendUvarint(b, length)
	b = AppendString(b, logRoot)
	return AppendString(b, mapRoot)
}

package protocol

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
)

func TestVectorCheckpoints(t *testing.T) {
	vectortest.Run(t, "checkpoints.json", map[string]vectortest.Handler{
		"checkpoint":           vectortest.Check(checkCheckpoint),
		"timestamp_from_time":  vectortest.Check(checkTimestamp),
		"verify_envelope":      vectortest.Check(checkVerifyCheckpoint),
		"decode_envelope_json": vectortest.Check(checkDecodeCheckpoint),
	})
}

type checkpointCase struct {
	LogRoot         AnyHash  `json:"log_root"`
	LogLength       string   `json:"log_length_decimal"`
	MapRoot         AnyHash  `json:"map_root"`
	Timestamp       string   `json:"timestamp_decimal"`
	Encoding        hexBytes `json:"checkpoint_encoding_hex"`
	ID              Hash     `json:"checkpoint_id"`
	JSON            string   `json:"checkpoint_json"`
	Timestamped     hexBytes `json:"timestamped_encoding_hex"`
	TimestampedJSON string   `json:"timestamped_json"`
	Signer          string
	PublicKey       string   `json:"public_key"`
	Preimage        hexBytes `json:"signature_preimage_hex"`
	KeyID           KeyID    `json:"key_id"`
	Signature       string
	EnvelopeJSON    string `json:"envelope_json"`
}

func checkCheckpoint(t *testing.T, c checkpointCase) {
	length, err := strconv.ParseUint(c.LogLength, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	timestamp, err := strconv.ParseUint(c.Timestamp, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	equalBytes(t, "encoding", appendCheckpoint(checkpointTag, string(c.LogRoot), length, string(c.MapRoot)), c.Encoding)
	equal(t, "id", HashOf(c.Encoding), c.ID)

	key := vectorKeys(t, "checkpoints.json")[c.Signer]
	equal(t, "public key", key.Public().String(), c.PublicKey)
	r := ReceivedCheckpoint{LogRoot: c.LogRoot, LogLength: length, MapRoot: c.MapRoot, Timestamp: timestamp, KeyID: c.KeyID}
	r.Signature = key.Sign(CheckpointSignature, r.Encode())
	equalBytes(t, "timestamped encoding", r.Encode(), c.Timestamped)
	equal(t, "digest", CheckpointSignature.digest(r.Encode()), HashOf(c.Preimage))
	equal(t, "key id", key.Public().ID(), c.KeyID)
	equal(t, "signature", r.Signature.String(), c.Signature)
	equal(t, "Verify", r.Verify(key.Public()), nil)
	equalJSON(t, r, c.EnvelopeJSON)
	var back ReceivedCheckpoint
	if err := json.Unmarshal([]byte(c.EnvelopeJSON), &back); err != nil {
		t.Fatal(err)
	}
	equal(t, "read again", back, r)
	checkStrictCheckpoint(t, &c, r, key)
}

// checkStrictCheckpoint goes on with what a registry itself makes, if the roots
// have the length that it makes.
func checkStrictCheckpoint(t *testing.T, c *checkpointCase, r ReceivedCheckpoint, key PrivateKey) {
	_, errLog := r.LogRoot.Hash()
	_, errMap := r.MapRoot.Hash()
	signed, err := r.Checked()
	if (err != nil) != (errLog != nil || errMap != nil) {
		t.Fatalf("Checked: %v", err)
	}
	var back SignedCheckpoint
	if errBack := json.Unmarshal([]byte(c.EnvelopeJSON), &back); (errBack == nil) != (err == nil) || back != signed {
		t.Errorf("read again: %v, %v", back, errBack)
	}
	if err != nil {
		return
	}
	equal(t, "received", signed.Received(), r)
	equal(t, "signed", signed.Contents.Sign(key), signed)
	equal(t, "Verify", signed.Verify(key.Public()), nil)
	equalBytes(t, "encoding", signed.Contents.Checkpoint.Encode(), c.Encoding)
	equalBytes(t, "timestamped encoding", signed.Contents.Encode(), c.Timestamped)
	equal(t, "id", signed.Contents.ID(), c.ID)
	equalJSON(t, signed, c.EnvelopeJSON)
	equalJSON(t, signed.Contents, c.TimestampedJSON)
	equalJSON(t, signed.Contents.Checkpoint, c.JSON)
	var contents TimestampedCheckpoint
	if err := json.Unmarshal([]byte(c.TimestampedJSON), &contents); err != nil || contents != signed.Contents {
		t.Errorf("%s is read as %v, %v", c.TimestampedJSON, contents, err)
	}
	var checkpoint Checkpoint
	if err := json.Unmarshal([]byte(c.JSON), &checkpoint); err != nil || checkpoint != contents.Checkpoint {
		t.Errorf("%s is read as %v, %v", c.JSON, checkpoint, err)
	}
}

func equalJSON(t *testing.T, v any, want string) {
	t.Helper()
	got, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "JSON", string(got), want)
}

func checkTimestamp(t *testing.T, c struct {
	Time      Time
	Timestamp uint64
	Error     *string
}) {
	got, err := NewTimestampedCheckpoint(Checkpoint{LogLength: 7}, time.Unix(c.Time.Seconds, int64(c.Time.Nanos)))
	if accepted(t, err, c.Error == nil, "") {
		equal(t, "timestamped", got, TimestampedCheckpoint{Checkpoint{LogLength: 7}, c.Timestamp})
	}
}

func checkVerifyCheckpoint(t *testing.T, c struct {
	EnvelopeJSON string `json:"envelope_json"`
	PublicKey    string `json:"public_key"`
	Valid        bool   `json:"signature_valid"`
	KeyIDMatches bool   `json:"key_id_matches_key"`
}) {
	key, err := ParsePublicKey(c.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	var signed SignedCheckpoint
	if err := json.Unmarshal([]byte(c.EnvelopeJSON), &signed); err != nil {
		t.Fatal(err)
	}
	equal(t, "signature valid", signed.Verify(key) == nil, c.Valid)
	equal(t, "key id matches", signed.KeyID == key.ID(), c.KeyIDMatches)
}

func checkDecodeCheckpoint(t *testing.T, c struct {
	JSON string
	OK   bool
}) {
	var r ReceivedCheckpoint
	accepted(t, r.UnmarshalJSON([]byte(c.JSON)), c.OK, "")
	accepted(t, json.Unmarshal([]byte(c.JSON), &r), c.OK, "")
}

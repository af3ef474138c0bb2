package protocol

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
)

// hexBytes is a *_hex member of a vector.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

func equalBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s is\n%x, want\n%x", what, got, want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is\n%v, want\n%v", what, got, want)
	}
}

// accepted checks a verdict, and that an error begins with the reference's text,
// if there is one. It reports whether the case goes on.
func accepted(t *testing.T, err error, ok bool, text string) bool {
	t.Helper()
	if (err == nil) != ok {
		t.Fatalf("error is %v, want accepted: %v", err, ok)
	}
	if err != nil && !strings.HasPrefix(err.Error(), text) {
		t.Errorf("error is %q, want %q", err, text)
	}
	return ok
}

func TestVectorHashing(t *testing.T) {
	vectortest.Run(t, "hashing.json", map[string]vectortest.Handler{
		"digest":          vectortest.Check(checkDigest),
		"hash_string":     vectortest.Check(checkHashString),
		"leb128":          vectortest.Check(checkLEB128),
		"prefix_str":      vectortest.Check(checkPrefixString),
		"package_name":    vectortest.Check(checkPackageName),
		"namespace":       vectortest.Check(checkNamespace),
		"operator_log_id": vectortest.Check(checkOperatorLogID),
		"record_id":       vectortest.Check(checkRecordID),
	})
}

func checkDigest(t *testing.T, c struct {
	Data      hexBytes `json:"data_hex"`
	Hash      string
	SerdeJSON string `json:"serde_json"`
}) {
	h := HashOf(c.Data)
	equal(t, "hash", h.String(), c.Hash)
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "JSON", string(text), c.SerdeJSON)
	var back Hash
	if err := json.Unmarshal(text, &back); err != nil || back != h {
		t.Errorf("%s is read as %v, %v", text, back, err)
	}
}

func checkHashString(t *testing.T, c struct {
	Input       string
	OK          bool
	Bytes       hexBytes `json:"bytes_hex"`
	Printed     string
	LengthOK    bool   `json:"sha256_length_ok"`
	LengthError string `json:"length_error"`
	Error       string
}) {
	h, err := ParseAnyHash(c.Input)
	strict, strictErr := ParseHash(c.Input)
	if !accepted(t, err, c.OK, c.Error) {
		if strictErr == nil {
			t.Error("ParseHash accepts it")
		}
		return
	}
	equal(t, "printed", string(h), c.Printed)
	_, digits, _ := strings.Cut(string(h), ":")
	equal(t, "bytes", digits, hex.EncodeToString(c.Bytes))
	sum, err := h.Hash()
	if (strictErr == nil) != c.LengthOK || strict != sum {
		t.Errorf("ParseHash: %v, %v", strict, strictErr)
	}
	if accepted(t, err, c.LengthOK, c.LengthError) {
		equalBytes(t, "hash", sum[:], c.Bytes)
		equal(t, "Any", sum.Any(), h)
	}
}

func checkLEB128(t *testing.T, c struct {
	Value string   `json:"value_decimal"`
	Bytes hexBytes `json:"bytes_hex"`
}) {
	v, err := strconv.ParseUint(c.Value, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	equalBytes(t, "encoding", binary.AppendUvarint(nil, v), c.Bytes)
}

func checkPrefixString(t *testing.T, c struct {
	Text  string
	Bytes hexBytes `json:"bytes_hex"`
	Raw   hexBytes `json:"raw_hex"`
}) {
	equalBytes(t, "encoding", AppendString(nil, c.Text), c.Bytes)
	equalBytes(t, "raw", []byte(c.Text), c.Raw)
}

func checkPackageName(t *testing.T, c struct {
	Input           string
	OK              bool
	Namespace, Name string
	Encoding        hexBytes `json:"encoding_hex"`
	Preimage        hexBytes `json:"log_id_preimage_hex"`
	LogID           Hash     `json:"log_id"`
	LogIDBytes      hexBytes `json:"log_id_bytes_hex"`
	Error           string
}) {
	n, err := ParsePackageName(c.Input)
	if !accepted(t, err, c.OK, c.Error) {
		return
	}
	equal(t, "text", n.String(), c.Input)
	equal(t, "namespace", n.Namespace(), c.Namespace)
	equal(t, "name", n.Name(), c.Name)
	equalBytes(t, "encoding", n.appendEncoding(nil), c.Encoding)
	equal(t, "log id", n.LogID(), c.LogID)
	equal(t, "hash of preimage", HashOf(c.Preimage), c.LogID)
	equalBytes(t, "log id", c.LogID[:], c.LogIDBytes)
	var back PackageName
	if err := back.UnmarshalText([]byte(c.Input)); err != nil || back != n {
		t.Errorf("read again: %v, %v", back, err)
	}
}

func checkNamespace(t *testing.T, c struct {
	Input string
	OK    bool
}) {
	equal(t, "ValidNamespace", ValidNamespace(c.Input), c.OK)
}

func checkOperatorLogID(t *testing.T, c struct {
	Preimage hexBytes `json:"preimage_hex"`
	LogID    Hash     `json:"log_id"`
}) {
	equal(t, "operator log id", OperatorLogID(), c.LogID)
	equal(t, "hash of preimage", HashOf(c.Preimage), c.LogID)
}

func checkRecordID(t *testing.T, c struct {
	Content          hexBytes `json:"content_hex"`
	PackagePreimage  hexBytes `json:"package_preimage_hex"`
	PackageID        Hash     `json:"package_record_id"`
	OperatorPreimage hexBytes `json:"operator_preimage_hex"`
	OperatorID       Hash     `json:"operator_record_id"`
}) {
	equal(t, "package record id", PackageRecordID(c.Content), c.PackageID)
	equal(t, "hash of preimage", HashOf(c.PackagePreimage), c.PackageID)
	equal(t, "operator record id", OperatorRecordID(c.Content), c.OperatorID)
	equal(t, "hash of preimage", HashOf(c.OperatorPreimage), c.OperatorID)
}

package protocol

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
)

func TestVectorEnvelopes(t *testing.T) {
	vectortest.Run(t, "envelopes.json", map[string]vectortest.Handler{
		"package_record":           vectortest.Check(checkRecord),
		"operator_record":          vectortest.Check(checkRecord),
		"published_record":         vectortest.Check(checkPublishedRecord),
		"decode_content":           vectortest.Check(checkDecodeContent),
		"decode_envelope_protobuf": vectortest.Check(checkDecodeEnvelopeProto),
		"decode_envelope_json":     vectortest.Check(checkDecodeEnvelopeJSON),
	})
}

// recordModel is a record as the vectors describe it.
type recordModel struct {
	Prev    *AnyHash
	Version uint32
	Time    Time
	Entries []entryModel
}

type entryModel struct {
	Type        string
	Algorithm   string `json:"hash_algorithm"`
	Key         string
	KeyID       KeyID `json:"key_id"`
	Permissions []string
	Version     string
	Content     AnyHash
	Namespace   string
	Registry    string
}

func (m *recordModel) prev() AnyHash {
	if m.Prev == nil {
		return ""
	}
	return *m.Prev
}

var entryTypes = map[string]EntryType{
	"init": EntryInit, "grant": EntryGrantFlat, "revoke": EntryRevokeFlat, "release": EntryRelease,
	"yank": EntryYank, "define_namespace": EntryDefineNamespace, "import_namespace": EntryImportNamespace,
}

func (e *entryModel) publicKey(t *testing.T) (key PublicKey) {
	t.Helper()
	if e.Key != "" {
		var err error
		if key, err = ParsePublicKey(e.Key); err != nil {
			t.Fatal(err)
		}
	}
	return key
}

func (e *entryModel) entryType(t *testing.T) EntryType {
	t.Helper()
	typ, ok := entryTypes[e.Type]
	if !ok {
		t.Fatalf("unknown type of entry %q", e.Type)
	}
	return typ
}

func permissionsFrom[P ~string](names []string) (permissions []P) {
	for _, name := range names {
		permissions = append(permissions, P(name))
	}
	return permissions
}

func (m *recordModel) packageRecord(t *testing.T) *PackageRecord {
	r := &PackageRecord{Prev: m.prev(), Version: m.Version, Time: m.Time, Entries: []PackageEntry{}}
	for _, e := range m.Entries {
		r.Entries = append(r.Entries, PackageEntry{
			Type: e.entryType(t), Key: e.publicKey(t), KeyID: e.KeyID,
			Permissions: permissionsFrom[PackagePermission](e.Permissions), Version: e.Version, Content: e.Content,
		})
	}
	return r
}

func (m *recordModel) operatorRecord(t *testing.T) *OperatorRecord {
	r := &OperatorRecord{Prev: m.prev(), Version: m.Version, Time: m.Time, Entries: []OperatorEntry{}}
	for _, e := range m.Entries {
		r.Entries = append(r.Entries, OperatorEntry{
			Type: e.entryType(t), Key: e.publicKey(t), KeyID: e.KeyID,
			Permissions: permissionsFrom[OperatorPermission](e.Permissions), Namespace: e.Namespace, Registry: e.Registry,
		})
	}
	return r
}

func equalDeep(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is\n%+v, want\n%+v", what, got, want)
	}
}

func checkRecord(t *testing.T, c struct {
	Kind         string
	Record       recordModel
	Signer       string
	Content      hexBytes `json:"content_hex"`
	KeyID        KeyID    `json:"key_id"`
	Signature    string
	Proto        hexBytes `json:"envelope_protobuf_hex"`
	EnvelopeJSON string   `json:"envelope_json"`
	RecordID     Hash     `json:"record_id"`
}) {
	key := vectorKeys(t, "envelopes.json")[c.Signer]
	var env Envelope
	if c.Kind == "package_record" {
		want := c.Record.packageRecord(t)
		env = want.Sign(key)
		signed, err := ParsePackageEnvelope(env)
		if err != nil {
			t.Fatal(err)
		}
		equalDeep(t, "record", signed.Record, want)
		equal(t, "record id", signed.ID, c.RecordID)
		equal(t, "VerifySignature", signed.VerifySignature(key.Public()), nil)
	} else {
		want := c.Record.operatorRecord(t)
		env = want.Sign(key)
		signed, err := ParseOperatorEnvelope(env)
		if err != nil {
			t.Fatal(err)
		}
		equalDeep(t, "record", signed.Record, want)
		equal(t, "record id", signed.ID, c.RecordID)
		equal(t, "VerifySignature", signed.VerifySignature(key.Public()), nil)
	}
	equalBytes(t, "content", env.Content, c.Content)
	equal(t, "key id", env.KeyID, c.KeyID)
	equal(t, "signature", env.Signature.String(), c.Signature)
	equalBytes(t, "protobuf", env.MarshalProto(), c.Proto)
	text, err := json.Marshal(env)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "JSON", string(text), c.EnvelopeJSON)

	fromProto, err := UnmarshalEnvelopeProto(c.Proto)
	if err != nil {
		t.Fatal(err)
	}
	equalDeep(t, "envelope from protobuf", fromProto, env)
	var fromJSON Envelope
	if err := json.Unmarshal([]byte(c.EnvelopeJSON), &fromJSON); err != nil {
		t.Fatal(err)
	}
	equalDeep(t, "envelope from JSON", fromJSON, env)
}

// vectorKeys returns the private keys of a vector file by their owners' names.
func vectorKeys(t *testing.T, file string) map[string]PrivateKey {
	t.Helper()
	var shared struct {
		Keys []struct {
			Name       string
			PrivateKey string `json:"private_key"`
		}
	}
	vectortest.Shared(t, file, &shared)
	keys := map[string]PrivateKey{}
	for _, k := range shared.Keys {
		key, err := ParsePrivateKey(k.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		keys[k.Name] = key
	}
	return keys
}

func checkPublishedRecord(t *testing.T, c struct {
	Type          string
	RegistryIndex uint64 `json:"registry_index"`
	FetchToken    Hash   `json:"fetch_token"`
	JSON          string
	PublishedJSON string `json:"published_envelope_json"`
}) {
	var p PublishedEnvelope
	if err := json.Unmarshal([]byte(c.JSON), &p); err != nil {
		t.Fatal(err)
	}
	equal(t, "registry index", p.RegistryIndex, c.RegistryIndex)
	recordID := PackageRecordID
	if c.Type == "operator" {
		recordID = OperatorRecordID
	}
	equal(t, "fetch token", recordID(p.Envelope.Content), c.FetchToken)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "JSON", string(text), c.PublishedJSON)
	var again PublishedEnvelope
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	equalDeep(t, "read again", again, p)
}

func checkDecodeContent(t *testing.T, c struct {
	Type      string
	Content   hexBytes `json:"content_hex"`
	KeyID     KeyID    `json:"key_id"`
	Signature string
	OK        bool
	Record    recordModel
	RecordID  Hash     `json:"record_id"`
	Reencoded hexBytes `json:"reencoded_hex"`
	Error     string
	Causes    []string
}) {
	sig, err := ParseSignature(c.Signature)
	if err != nil {
		t.Fatal(err)
	}
	env := Envelope{Content: c.Content, KeyID: c.KeyID, Signature: sig}
	key := vectorKeys(t, "envelopes.json")["alice"].Public()
	if !ownText(c.Error) {
		c.Error = ""
	}
	if c.Type == "package" {
		signed, err := ParsePackageEnvelope(env)
		checkOpened(t, env, signed, err)
		if !accepted(t, err, c.OK, c.Error) {
			return
		}
		equalDeep(t, "record", signed.Record, c.Record.packageRecord(t))
		equal(t, "record id", signed.ID, c.RecordID)
		equalBytes(t, "encoded again", signed.Record.Encode(), c.Reencoded)
		equal(t, "VerifySignature", signed.VerifySignature(key), nil)
		return
	}
	signed, err := ParseOperatorEnvelope(env)
	if !accepted(t, err, c.OK, c.Error) {
		return
	}
	equalDeep(t, "record", signed.Record, c.Record.operatorRecord(t))
	equal(t, "record id", signed.ID, c.RecordID)
	equalBytes(t, "encoded again", signed.Record.Encode(), c.Reencoded)
	equal(t, "VerifySignature", signed.VerifySignature(key), nil)
}

// ownText reports whether an error text is the reference's own. The texts of
// libraries, for protobuf, versions and times, are not reproduced.
func ownText(text string) bool {
	for _, own := range []string{
		"empty or invalid timestamp in record", "no content in entry", "the value ", "expected two parts",
		"hash contained uppercase", "unable to parse hash algorithm", "Illegal hash algorithm", "hexadecimal decode failed",
		"expected 2 parts", "unable to parse signature algorithm", "base64 decode failed", "public key could not",
	} {
		if len(text) >= len(own) && text[:len(own)] == own {
			return true
		}
	}
	return false
}

func checkDecodeEnvelopeProto(t *testing.T, c struct {
	Bytes     hexBytes `json:"bytes_hex"`
	OK        bool
	Content   hexBytes `json:"content_hex"`
	KeyID     KeyID    `json:"key_id"`
	Signature string
	Error     string
}) {
	env, err := UnmarshalEnvelopeProto(c.Bytes)
	if err == nil {
		_, err = ParsePackageEnvelope(env)
	}
	if !accepted(t, err, c.OK, "") {
		return
	}
	equalBytes(t, "content", env.Content, c.Content)
	equal(t, "key id", env.KeyID, c.KeyID)
	equal(t, "signature", env.Signature.String(), c.Signature)
}

func checkDecodeEnvelopeJSON(t *testing.T, c struct {
	JSON    string
	OK      bool
	Content hexBytes `json:"content_hex"`
	Stage   string
}) {
	var env Envelope
	err := env.UnmarshalJSON([]byte(c.JSON))
	if c.Stage == "content" && err == nil {
		_, err = ParsePackageEnvelope(env)
	}
	if accepted(t, err, c.OK, "") {
		equalBytes(t, "content", env.Content, c.Content)
	}
	// It is the same by way of encoding/json.
	if err := json.Unmarshal([]byte(c.JSON), &env); c.OK && err != nil || c.Stage == "json" && err == nil {
		t.Errorf("json.Unmarshal: %v", err)
	}
}

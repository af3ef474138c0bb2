package protocol

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
)

// The fuzz tests begin with the vectors and hold what is accepted against the
// properties that the rest of the registry relies on: text forms are unique,
// and what is written is read again as the same.

// addMembers adds a text member of all cases of a vector file to the corpus.
func addMembers(f *testing.F, file, kind, member string, add func(text string)) {
	f.Helper()
	var doc struct{ Cases []map[string]json.RawMessage }
	readVectors(f, file, &doc)
	for _, c := range doc.Cases {
		var text, caseKind string
		if json.Unmarshal(c["kind"], &caseKind) == nil && caseKind == kind && json.Unmarshal(c[member], &text) == nil {
			add(text)
		}
	}
}

func addTexts(f *testing.F, file, kind, member string) {
	f.Helper()
	addMembers(f, file, kind, member, func(text string) { f.Add(text) })
}

func addHex(f *testing.F, file, kind, member string) {
	f.Helper()
	addMembers(f, file, kind, member, func(text string) {
		b, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	})
}

func FuzzDecodePackageRecord(f *testing.F) {
	addHex(f, "envelopes.json", "decode_content", "content_hex")
	addHex(f, "envelopes.json", "package_record", "content_hex")
	f.Fuzz(func(t *testing.T, content []byte) {
		signed, err := ParsePackageEnvelope(Envelope{Content: content})
		checkOpened(t, Envelope{Content: content}, signed, err)
		r, err := DecodePackageRecord(content)
		if err != nil {
			return
		}
		again, err := DecodePackageRecord(r.Encode())
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v is read again as %+v, %v", r, again, err)
		}
	})
}

func FuzzDecodeOperatorRecord(f *testing.F) {
	addHex(f, "envelopes.json", "decode_content", "content_hex")
	addHex(f, "envelopes.json", "operator_record", "content_hex")
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := DecodeOperatorRecord(content)
		if err != nil {
			return
		}
		again, err := DecodeOperatorRecord(r.Encode())
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v is read again as %+v, %v", r, again, err)
		}
	})
}

func FuzzUnmarshalEnvelopeProto(f *testing.F) {
	addHex(f, "envelopes.json", "decode_envelope_protobuf", "bytes_hex")
	addHex(f, "envelopes.json", "package_record", "envelope_protobuf_hex")
	f.Fuzz(func(t *testing.T, b []byte) {
		env, err := UnmarshalEnvelopeProto(b)
		if err != nil {
			return
		}
		again, err := UnmarshalEnvelopeProto(env.MarshalProto())
		if err != nil || !equalEnvelopes(again, env) {
			t.Errorf("%+v is read again as %+v, %v", env, again, err)
		}
	})
}

func equalEnvelopes(a, b Envelope) bool {
	return string(a.Content) == string(b.Content) && a.KeyID == b.KeyID && a.Signature == b.Signature
}

func FuzzUnmarshalEnvelopeJSON(f *testing.F) {
	addTexts(f, "envelopes.json", "decode_envelope_json", "json")
	addTexts(f, "envelopes.json", "published_record", "json")
	f.Fuzz(func(t *testing.T, text string) {
		var env, again Envelope
		if env.UnmarshalJSON([]byte(text)) != nil {
			return
		}
		b, err := json.Marshal(env)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalJSON(b); err != nil || !equalEnvelopes(again, env) {
			t.Errorf("%+v is read again as %+v, %v", env, again, err)
		}
	})
}

func FuzzUnmarshalCheckpointJSON(f *testing.F) {
	addTexts(f, "checkpoints.json", "decode_envelope_json", "json")
	addTexts(f, "checkpoints.json", "checkpoint", "envelope_json")
	f.Fuzz(func(t *testing.T, text string) {
		var c, again ReceivedCheckpoint
		if c.UnmarshalJSON([]byte(text)) != nil {
			return
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalJSON(b); err != nil || again != c {
			t.Errorf("%+v is read again as %+v, %v", c, again, err)
		}
	})
}

func FuzzUnmarshalPackageLog(f *testing.F) {
	addTexts(f, "package_logs.json", "sequence", "state_json")
	f.Fuzz(func(t *testing.T, text string) {
		var log, again PackageLog
		if log.UnmarshalJSON([]byte(text)) != nil {
			return
		}
		first, err := log.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalJSON(first); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		second, err := again.MarshalJSON()
		if err != nil || string(second) != string(first) {
			t.Errorf("%s\nis read again as\n%s, %v", first, second, err)
		}
	})
}

func FuzzUnmarshalState(f *testing.F) {
	var log PackageLog
	chain := newTestChain(f)
	if err := log.Validate(chain.next(nil)); err != nil {
		f.Fatal(err)
	}
	state, err := log.MarshalState()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	many, _ := logWithKeys(f, 3)
	if state, err = many.MarshalState(); err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	f.Fuzz(func(t *testing.T, state []byte) {
		var log, again PackageLog
		if log.UnmarshalState(state) != nil {
			return
		}
		first, err := log.MarshalState()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalState(first); err != nil {
			t.Fatal(err)
		}
		var decoded PackageLog
		if err := decoded.UnmarshalState(first); err != nil {
			t.Fatal(err)
		}
		checkDecoded(t, &decoded, first)
		second, err := again.MarshalState()
		if err != nil || string(second) != string(first) {
			t.Errorf("%x\nis read again as\n%x, %v", first, second, err)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	addTexts(f, "signing.json", "public_key", "input")
	addTexts(f, "signing.json", "private_key", "input")
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := ParsePublicKey(text); err == nil {
			again, err := ParsePublicKey(k.String())
			if err != nil || !again.Equal(k) {
				t.Errorf("%v is read again as %v, %v", k, again, err)
			}
		}
		if k, err := ParsePrivateKey(text); err == nil {
			again, err := ParsePrivateKey(k.Text())
			if err != nil || !again.Public().Equal(k.Public()) {
				t.Errorf("key of %v is read again as that of %v, %v", k.Public(), again.Public(), err)
			}
		}
	})
}

func FuzzParseSignature(f *testing.F) {
	addTexts(f, "signing.json", "signature", "input")
	f.Fuzz(func(t *testing.T, text string) {
		if sig, err := ParseSignature(text); err == nil && sig.String() != text {
			t.Errorf("%q is accepted as %q", text, sig)
		}
	})
}

func FuzzParsePackageName(f *testing.F) {
	addTexts(f, "hashing.json", "package_name", "input")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParsePackageName(text)
		if err == nil && (n.Namespace()+":"+n.Name() != text || !ValidNamespace(n.Namespace()) || !ValidNamespace(n.Name())) {
			t.Errorf("%q is accepted as %q and %q", text, n.Namespace(), n.Name())
		}
	})
}

func FuzzParseHash(f *testing.F) {
	addTexts(f, "hashing.json", "hash_string", "input")
	f.Fuzz(func(t *testing.T, text string) {
		loose, looseErr := ParseAnyHash(text)
		h, err := ParseHash(text)
		if err == nil && (h.String() != text || looseErr != nil) {
			t.Errorf("%q is accepted as %v; ParseAnyHash: %v", text, h, looseErr)
		}
		if looseErr != nil {
			return
		}
		if sum, err2 := loose.Hash(); (err2 == nil) != (err == nil) || sum != h {
			t.Errorf("%q: Hash gives %v, %v, ParseHash %v, %v", text, sum, err2, h, err)
		}
	})
}

func FuzzParseLogLeaf(f *testing.F) {
	f.Add(LogLeaf{LogID: OperatorLogID(), RecordID: HashOf(nil)}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := ParseLogLeaf(b); err == nil && string(l.Encode()) != string(b) {
			t.Errorf("%q is accepted as %v", b, l)
		}
	})
}

func FuzzVersions(f *testing.F) {
	f.Add("1.2.3", "1.2.3-alpha.1", "^1, <2")
	f.Add("1.0.0+001", "1.0.0+1", "=1.0")
	f.Fuzz(func(t *testing.T, a, b, requirement string) {
		v, errV := parseVersion(a)
		if w, errW := parseVersion(b); errV == nil && errW == nil {
			if (v.compare(w) == 0) != (a == b) || v.compare(w) != -w.compare(v) {
				t.Errorf("order of %q and %q: %d, %d", a, b, v.compare(w), w.compare(v))
			}
		}
		if req, err := parseRequirement(requirement); err == nil && errV == nil {
			req.matches(v)
		}
	})
}

func readVectors(f *testing.F, file string, v any) {
	f.Helper()
	data, err := os.ReadFile(filepath.Join(vectortest.Dir(), file))
	if err != nil {
		f.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		f.Fatal(err)
	}
}

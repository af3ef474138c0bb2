package api_test

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// readBody is a body that is also read.
type readBody interface {
	api.Body
	json.Unmarshaler
}

// newBody gives a fresh body of the reference's type name.
func newBody(t *testing.T, name string) readBody {
	t.Helper()
	bodies := map[string]readBody{
		"WellKnownConfig":                      &api.WellKnownConfig{},
		"PublishRecordRequest":                 &api.PublishRecordRequest{},
		"PackageRecord":                        &api.PackageRecord{},
		"FetchLogsRequest":                     &api.FetchLogsRequest{},
		"FetchLogsResponse":                    &api.FetchLogsResponse{},
		"PublishedRecord":                      &api.PublishedRecord{},
		"FetchPackageNamesRequest":             &api.FetchPackageNamesRequest{},
		"FetchPackageNamesResponse":            &api.FetchPackageNamesResponse{},
		"ContentSourcesResponse":               &api.ContentSourcesResponse{},
		"LedgerSourcesResponse":                &api.LedgerSourcesResponse{},
		"ConsistencyRequest":                   &api.ConsistencyRequest{},
		"ConsistencyResponse":                  &api.ConsistencyResponse{},
		"InclusionRequest":                     &api.InclusionRequest{},
		"InclusionResponse":                    &api.InclusionResponse{},
		"CheckpointVerificationResponse":       &api.CheckpointVerificationResponse{},
		"SerdeEnvelope<TimestampedCheckpoint>": &checkpointBody{},
	}
	body, ok := bodies[name]
	if !ok {
		t.Fatalf("no type for %q", name)
	}
	return body
}

// checkpointBody makes a body of the checkpoint, whose type is in package
// protocol.
type checkpointBody struct{ protocol.SignedCheckpoint }

func (b *checkpointBody) AppendJSON(text []byte) []byte {
	json, err := b.SignedCheckpoint.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return append(text, json...)
}

func TestVectorAPI(t *testing.T) {
	vectortest.Run(t, "api.json", map[string]vectortest.Handler{
		"constants":     vectortest.Check(checkConstants),
		"path":          vectortest.Check(checkPath),
		"body":          vectortest.Check(checkBody),
		"read":          vectortest.Check(checkRead),
		"error":         vectortest.Check(checkError),
		"read_error":    vectortest.Check(checkReadError),
		"ledger_packed": vectortest.Check(checkLedgerPacked),
	})
}

func checkConstants(t *testing.T, c struct {
	RegistryHeader     string `json:"registry_header"`
	RegistryHintHeader string `json:"registry_hint_header"`
	WellKnownPath      string `json:"well_known_path"`
	PackedContentType  string `json:"packed_content_type"`
}) {
	equal(t, "registry header", api.RegistryHeader, c.RegistryHeader)
	equal(t, "registry hint header", api.RegistryHintHeader, c.RegistryHintHeader)
	equal(t, "well-known path", api.WellKnownPath, c.WellKnownPath)
	equal(t, "packed content type", api.PackedContentType, c.PackedContentType)
}

type pathArgs struct {
	LogID    *protocol.Hash `json:"log_id"`
	RecordID *protocol.Hash `json:"record_id"`
	Digest   *protocol.Hash `json:"digest"`
	Start    *uint64        `json:"start_index"`
}

func checkPath(t *testing.T, c struct {
	Function string   `json:"function"`
	Args     pathArgs `json:"args"`
	Path     string   `json:"path"`
}) {
	equal(t, "path", path(t, c.Function, c.Args), c.Path)
}

func path(t *testing.T, function string, args pathArgs) string {
	t.Helper()
	switch function {
	case "fetch_logs":
		return api.FetchLogsPath
	case "fetch_checkpoint":
		return api.FetchCheckpointPath
	case "fetch_package_names":
		return api.FetchPackageNamesPath
	case "ledger_sources":
		return api.LedgerSourcesPath
	case "prove_consistency":
		return api.ProveConsistencyPath
	case "prove_inclusion":
		return api.ProveInclusionPath
	case "verify_checkpoint":
		return api.VerifyCheckpointPath
	case "publish_package_record":
		return api.PublishRecordPath(*args.LogID)
	case "package_record":
		return api.PackageRecordPath(*args.LogID, *args.RecordID)
	case "content_sources":
		return api.ContentSourcesPath(*args.Digest)
	}
	if args.Start != nil {
		return api.LedgerRecordsPath(*args.Start)
	}
	if args.Digest == nil {
		t.Fatalf("no path for %q", function)
	}
	return api.UploadContentPath(*args.LogID, *args.RecordID, *args.Digest)
}

func checkBody(t *testing.T, c struct {
	Type string `json:"type"`
	JSON string `json:"json"`
}) {
	body := newBody(t, c.Type)
	if err := body.UnmarshalJSON([]byte(c.JSON)); err != nil {
		t.Fatalf("reading %s: %v", c.JSON, err)
	}
	equal(t, "written", string(body.AppendJSON(nil)), c.JSON)
	// What is read must not depend on space between the tokens.
	again := newBody(t, c.Type)
	if err := again.UnmarshalJSON(indent(t, []byte(c.JSON))); err != nil {
		t.Fatalf("reading it indented: %v", err)
	}
	equal(t, "written after indenting", string(again.AppendJSON(nil)), c.JSON)
}

func checkRead(t *testing.T, c struct {
	Type        string `json:"type"`
	JSON        string `json:"json"`
	OK          bool   `json:"ok"`
	WrittenBack string `json:"written_back"`
	Error       string `json:"error"`
}) {
	body := newBody(t, c.Type)
	err := body.UnmarshalJSON([]byte(c.JSON))
	switch {
	case !c.OK && err == nil:
		t.Fatalf("read %s; the reference says %q", c.JSON, c.Error)
	case c.OK && err != nil:
		t.Fatalf("refused %s: %v", c.JSON, err)
	case c.OK:
		equal(t, "written back", string(body.AppendJSON(nil)), c.WrittenBack)
	}
}

// readError is an error body that is also read.
type readError interface {
	api.Error
	json.Unmarshaler
}

func newError(t *testing.T, name string) readError {
	t.Helper()
	switch name {
	case "FetchError":
		return &api.FetchError{}
	case "PackageError":
		return &api.PackageError{}
	case "ContentError":
		return &api.ContentError{}
	case "ProofError":
		return &api.ProofError{}
	case "LedgerError":
		return &api.LedgerError{}
	case "MonitorError":
		return &api.MonitorError{}
	}
	t.Fatalf("no type for %q", name)
	return nil
}

func variant(e api.Error) api.Variant {
	switch e := e.(type) {
	case *api.FetchError:
		return e.Variant
	case *api.PackageError:
		return e.Variant
	case *api.ContentError:
		return e.Variant
	case *api.ProofError:
		return e.Variant
	}
	return api.MessageVariant
}

func checkError(t *testing.T, c struct {
	Type          string      `json:"type"`
	Variant       api.Variant `json:"variant"`
	Status        int         `json:"status"`
	Display       string      `json:"display"`
	JSON          string      `json:"json"`
	ClientSame    bool        `json:"client_reads_same"`
	ClientVariant api.Variant `json:"client_reads_variant"`
}) {
	read := newError(t, c.Type)
	if err := read.UnmarshalJSON([]byte(c.JSON)); err != nil {
		t.Fatal(err)
	}
	equal(t, "variant that a client reads", variant(read), c.ClientVariant)
	equal(t, "read as written", variant(read) == c.Variant, c.ClientSame)

	written := read
	if !c.ClientSame { // only messages are read as something else
		written = &api.PackageError{Variant: c.Variant, Code: uint16(c.Status), Message: c.Display}
	}
	equal(t, "body", string(written.AppendJSON(nil)), c.JSON)
	equal(t, "status", written.Status(), c.Status)
	equal(t, "text", written.Error(), c.Display)
}

func checkReadError(t *testing.T, c struct {
	Type    string      `json:"type"`
	JSON    string      `json:"json"`
	OK      bool        `json:"ok"`
	Variant api.Variant `json:"variant"`
	Display string      `json:"display"`
	Error   string      `json:"error"`
}) {
	read := newError(t, c.Type)
	err := read.UnmarshalJSON([]byte(c.JSON))
	switch {
	case !c.OK && err == nil:
		t.Fatalf("read %s as %s; the reference says %q", c.JSON, variant(read), c.Error)
	case c.OK && err != nil:
		t.Fatalf("refused %s: %v", c.JSON, err)
	case c.OK:
		equal(t, "variant", variant(read), c.Variant)
		equal(t, "text", read.Error(), c.Display)
	}
}

func checkLedgerPacked(t *testing.T, c struct {
	Leaves []struct {
		LogID    protocol.Hash `json:"log_id"`
		RecordID protocol.Hash `json:"record_id"`
	} `json:"leaves"`
	Bytes string `json:"bytes_hex"`
}) {
	var packed []byte
	for _, leaf := range c.Leaves {
		packed = api.AppendPackedRecord(packed, protocol.LogLeaf{LogID: leaf.LogID, RecordID: leaf.RecordID})
	}
	equal(t, "packed", hex.EncodeToString(packed), c.Bytes)
	equal(t, "size", len(packed), len(c.Leaves)*api.PackedRecordSize)
}

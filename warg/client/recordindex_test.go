package client_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestRecordIndex(t *testing.T) {
	r := sharedRegistry(t)
	c := r.client(t, client.Options{})
	n, key := name(t, "example:record-index"), newKey(t)
	var records []protocol.Hash
	var indices []uint64
	for i := range 3 {
		content := client.ContentOfBytes(fmt.Append(nil, "content ", i))
		entries := []protocol.PackageEntry{client.Release(fmt.Sprintf("1.0.%d", i), content.Digest)}
		if i == 0 {
			entries = append([]protocol.PackageEntry{client.Init(key.Public())}, entries...)
		}
		p := publish(t, c, n, key, []client.Content{content}, entries...)
		records, indices = append(records, p.Head), append(indices, p.HeadIndex)
	}
	p, err := c.Package(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	for i, record := range records {
		if got, err := c.RecordIndex(t.Context(), p, record); err != nil || got != indices[i] {
			t.Errorf("record %d is at index %d, %v; want %d", i, got, err, indices[i])
		}
	}
	if _, err := c.RecordIndex(t.Context(), p, protocol.HashOf([]byte("no record"))); as[*client.VerificationError](t, err).Claim != client.ClaimRecord {
		t.Errorf("a record that is not there: %v", err)
	}

	liar := liar.Start(t, r.url)
	other := newClient(t, liar.URL, client.Options{OperatorKey: r.key.Public()})
	if p, err = other.Package(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	path := "/v1/package/" + n.LogID().String() + "/record/"
	for what, lie := range map[string]struct {
		path  string
		tell  func([]byte) []byte
		claim client.Claim
	}{
		"another index":   {path, swapText(fmt.Sprintf(`"registryIndex":%d`, indices[0]), fmt.Sprintf(`"registryIndex":%d`, indices[1])), client.ClaimInclusion},
		"an index beyond": {path, swapText(fmt.Sprintf(`"registryIndex":%d`, indices[0]), `"registryIndex":4000000000`), client.ClaimRecord},
		"another record":  {path, swapText(records[0].String(), records[1].String()), client.ClaimRecord},
		"no proof":        {"/v1/proof/consistency", func([]byte) []byte { return []byte(`{"proof":""}`) }, client.ClaimInclusion},
	} {
		t.Run(what, func(t *testing.T) {
			defer liar.Honest()
			liar.ChangePath(lie.path, lie.tell)
			_, err := other.RecordIndex(t.Context(), p, records[0])
			if got := as[*client.VerificationError](t, err).Claim; got != lie.claim {
				t.Errorf("refused for %s, want %s: %v", got, lie.claim, err)
			}
		})
	}
}

func swapText(old, new string) func([]byte) []byte {
	return func(body []byte) []byte {
		if !strings.Contains(string(body), old) {
			panic(fmt.Sprintf("the answer %s has no %s", body, old))
		}
		return bytes.ReplaceAll(body, []byte(old), []byte(new))
	}
}

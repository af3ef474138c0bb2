package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// A content that is answered with 451 is withheld only if the operator has signed so, and
// the list has not gone back since.
func TestWithheldByOperator(t *testing.T) {
	w := newWorld(t)
	digest := w.releaseOf("example:pa", "1.0.0", "forbidden")
	w.checkpoint()
	delete(w.contents, digest)
	origin := w.records[0].leaf.RecordID
	statements := func(by protocol.PrivateKey, origin protocol.Hash, count int) (all []withheld.Signed) {
		chain := withheld.NewChain(origin)
		for range count {
			s, err := chain.Next(withheld.Statement{Time: time.Unix(1_800_000_000, 0).UTC(), Action: withheld.Withhold, Digest: digest, Reason: "by order of a court"}).Sign(by)
			must(t, err)
			must(t, chain.Append(s, func(protocol.KeyID) (protocol.PublicKey, bool) { return by.Public(), true }))
			all = append(all, s)
		}
		return all
	}
	var listed []withheld.Signed
	w.tamper = func(path string, _ []byte, status int, answer []byte) (int, []byte) {
		switch {
		case strings.HasPrefix(path, withheld.Path):
			return 200, withheld.Page{Origin: origin, Total: uint64(len(listed)), Statements: listed}.AppendJSON(nil)
		case strings.HasPrefix(path, "content/"), strings.HasPrefix(path, "v1/content/"):
			return 451, []byte(`{"status":451,"message":"withheld"}`)
		}
		return status, answer
	}
	try := func(what string, store Store, list []withheld.Signed, names ...Name) {
		t.Helper()
		listed = list
		report, err := w.audit(store)
		must(t, err)
		var got []Name
		for _, f := range report.Findings {
			got = append(got, f.Name)
		}
		if !slices.Equal(got, names) {
			t.Errorf("%s: found %v, want %v", what, report.Findings, names)
		}
		found := slices.Contains(names, ContentWithheld)
		said := false
		for _, u := range report.Unchecked {
			said = said || strings.Contains(u.Reason, "is withheld by the registry since 2027-01-15: by order of a court")
		}
		if said == found {
			t.Errorf("%s: not checked: %v", what, report.Unchecked)
		}
	}
	good := statements(w.operator, origin, 2)
	forged := statements(w.operator, origin, 1)
	forged[0].Reason = "for fun"
	store := new(MemoryStore)
	try("signed", store, good)
	try("fewer statements than before", store, good[:1], WithheldListRewound, ContentWithheld)
	try("none", new(MemoryStore), nil, ContentWithheld)
	try("by another key", new(MemoryStore), statements(newKey(t), origin, 1), ContentWithheld)
	try("of another registry", new(MemoryStore), statements(w.operator, digest, 1), WithheldListInvalid, ContentWithheld)
	try("forged", new(MemoryStore), forged, WithheldListInvalid, ContentWithheld)

	// Where the list is not answered for, nobody says that the content is kept back unlawfully.
	away := w.tamper
	w.tamper = func(path string, asked []byte, status int, answer []byte) (int, []byte) {
		if strings.HasPrefix(path, withheld.Path) {
			return 503, nil
		}
		return away(path, asked, status, answer)
	}
	if report, err := w.audit(new(MemoryStore)); !errors.Is(err, ErrNoAnswer) || !report.Clean() {
		t.Errorf("%v, %v", report.Findings, err)
	}
}

// A copy as static files has the list in a file, and need not have what is withheld.
func TestWithheldInCopy(t *testing.T) {
	w := newWorld(t)
	digest := w.releaseOf("example:pa", "1.0.0", "forbidden")
	w.release("example:pa", "1.1.0")
	w.checkpoint()
	delete(w.contents, digest)
	w.statements = []withheld.Signed{w.signNext(w.operator, nil, withheld.Statement{Action: withheld.Withhold, Digest: digest, Reason: "by order of a court"})}
	files := fstest.MapFS{withheld.File: {Data: withheld.AppendFile(nil, w.statements)}}
	for content, bytes := range w.contents {
		files[contentFile(content)] = &fstest.MapFile{Data: bytes}
	}
	for _, log := range tlog.Logs {
		files[log.Path()+"/"+tlog.CheckpointPath] = &fstest.MapFile{Data: w.note(log)}
		for _, f := range tlog.FilesOf(0, w.size(log), tlog.Entries, tlog.Envelopes) {
			if status, data := w.file(log, f.Path()); status == 200 {
				files[log.Path()+"/"+f.Path()] = &fstest.MapFile{Data: data}
			}
		}
	}
	store := new(MemoryStore)
	look := func() *Report {
		t.Helper()
		a, err := New(NewFolderSource(files, "copy"), store, w.options())
		must(t, err)
		report, err := a.Round(t.Context())
		must(t, err)
		return report
	}
	if report := look(); !report.Clean() || !strings.Contains(fmt.Sprint(report.Unchecked), "is withheld by the registry since") || report.Contents != 1 {
		t.Errorf("found %v, unchecked %v, %d contents", report.Findings, report.Unchecked, report.Contents)
	}
	for _, lie := range []struct {
		name Name
		text []byte
	}{{WithheldListRewound, nil}, {WithheldListInvalid, []byte("{}\n")}, {WithheldListInvalid, []byte("x")}} {
		files[withheld.File].Data = lie.text
		report := look()
		if len(report.Findings) != 2 || report.Findings[0].Name != lie.name || report.Findings[1].Name != ContentWithheld {
			t.Fatalf("%s: found %v", lie.name, report.Findings)
		}
		checkEvidence(t, report.Findings[0])
	}
}

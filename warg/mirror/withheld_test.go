package mirror_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// lists makes statements of a registry.
type lists struct {
	t *testing.T
	r *tlogtest.Registry
}

func newLists(t *testing.T, r *tlogtest.Registry) lists { return lists{t, r} }

// next is a list with a statement more, by a key.
func (l lists) next(before []withheld.Signed, key protocol.PrivateKey, action withheld.Action, content string) []withheld.Signed {
	l.t.Helper()
	first, err := protocol.UnmarshalEnvelopeProto(l.r.Envelope(0))
	must(l.t, err)
	s := withheld.Statement{
		Origin: protocol.OperatorRecordID(first.Content), Sequence: uint64(len(before)), Time: time.Unix(1_800_000_000, 0).UTC(),
		Action: action, Digest: protocol.HashOf([]byte(content)), Reason: "by order of a court",
	}
	if n := len(before); n > 0 {
		s.Previous = before[n-1].Hash()
	}
	signed, err := s.Sign(key)
	must(l.t, err)
	return append(slices.Clone(before), signed)
}

func (l lists) withhold(before []withheld.Signed, content string) []withheld.Signed {
	l.t.Helper()
	return l.next(before, l.r.Operator, withheld.Withhold, content)
}

// serve has a registry serve a list.
func serve(files map[string][]byte, list []withheld.Signed) map[string][]byte {
	for from := 0; from == 0 || from < len(list); from += withheld.MaxPage {
		page := withheld.Page{Total: uint64(len(list)), Statements: list[from:min(from+withheld.MaxPage, len(list))]}
		files[withheld.PagePath(uint64(from))] = page.AppendJSON(nil)
	}
	return files
}

func TestExportWithheld(t *testing.T) {
	r := tlogtest.New(t)
	r.Init("example:a")
	for version, content := range map[string]string{"1.0.0": "first", "1.0.1": "second", "1.0.2": "third"} {
		r.Release("example:a", version, []byte(content))
	}
	l := newLists(t, r)
	one := l.withhold(nil, "first")
	files := serve(r.Files(), one)
	withContent(files, []byte("first"), []byte("second"), []byte("third"))
	s := &source{files: files}
	dir, o := t.TempDir(), mirror.Options{VKeys: vkeys(r), Content: true}
	there := func(content string) bool {
		t.Helper()
		_, ok := folder(t, dir)[mirror.ContentPath(protocol.HashOf([]byte(content)))]
		return ok
	}
	run := func(o mirror.Options) mirror.Report {
		t.Helper()
		report, err := export(t, dir, s, o)
		must(t, err)
		if report.Withheld == nil || report.Content == nil {
			t.Fatalf("%+v", report)
		}
		return report
	}

	// What another place would still give is not copied.
	report := run(o)
	if got := *report.Withheld; got.Statements != 1 || got.New != 1 || got.InForce != 1 || got.Unverified != "" {
		t.Errorf("%+v", got)
	}
	if got := report.Content; got.Fetched != 2 || len(got.Blocked) != 1 || got.Blocked[0].Reason != "by order of a court" || got.Blocked[0].Package != "example:a" || len(got.Withheld) != 0 || there("first") {
		t.Errorf("%+v", got)
	}
	if got := folder(t, dir)[withheld.File]; !bytes.Equal(got, withheld.AppendFile(nil, one)) {
		t.Errorf("the folder has the list %q", got)
	}

	// What is withheld later stays, or is removed, and is back once it is released.
	two := l.withhold(one, "second")
	serve(files, two)
	if report = run(o); len(report.Withheld.Kept) != 1 || report.Withheld.Kept[0].Digest != two[1].Digest || report.Withheld.Kept[0].Package != "example:a" || report.Withheld.New != 1 || !there("second") {
		t.Errorf("%+v", report.Withheld)
	}
	remove := o
	remove.RemoveWithheld = true
	if report = run(remove); len(report.Withheld.Removed) != 1 || report.Withheld.Removed[0].Digest != two[1].Digest || len(report.Content.Blocked) != 2 || there("second") || !there("third") {
		t.Errorf("%+v, %+v", report.Withheld, report.Content)
	}
	for range 2 {
		if report = run(remove); len(report.Withheld.Removed)+report.Content.Fetched != 0 || len(report.Content.Blocked) != 2 {
			t.Errorf("%+v, %+v", report.Withheld, report.Content)
		}
	}
	three := l.next(two, r.Operator, withheld.Release, "second")
	serve(files, three)
	if report = run(o); report.Content.Fetched != 1 || report.Content.Repaired != 0 || !there("second") || there("first") {
		t.Errorf("%+v, %+v", report.Withheld, report.Content)
	}

	// Without content, too.
	serve(files, l.withhold(three, "third"))
	remove.Content = false
	plain, err := export(t, dir, s, remove)
	if err != nil || len(plain.Withheld.Removed) != 1 || there("third") {
		t.Errorf("%+v, %v", plain.Withheld, err)
	}

	// A copy of the copy has the list from its file.
	copied := &source{files: folder(t, dir)}
	other := t.TempDir()
	again, err := export(t, other, copied, o)
	if err != nil || again.Withheld.Statements != 4 || len(again.Content.Blocked) != 2 || !bytes.Equal(folder(t, other)[withheld.File], folder(t, dir)[withheld.File]) {
		t.Errorf("%+v, %v", again.Withheld, err)
	}
}

// A status 451 is only believed with a statement, which may come while contents are fetched.
func TestExportBlocked(t *testing.T) {
	r := tlogtest.New(t)
	r.Init("example:a")
	r.Release("example:a", "1.0.0", []byte("first"))
	l := newLists(t, r)
	files := r.Files()
	withContent(files, []byte("first"))
	s := &source{files: files, withheld: map[string]bool{"http://cdn.example.com/0": true}}
	o := mirror.Options{VKeys: vkeys(r), Content: true}
	for what, list := range map[string][]withheld.Signed{"no list": nil, "another content": l.withhold(nil, "second")} {
		if list != nil {
			serve(files, list)
		}
		report, err := export(t, t.TempDir(), s, o)
		if err != nil || len(report.Content.Withheld) != 1 || len(report.Content.Blocked) != 0 {
			t.Errorf("%s: %+v, %v", what, report.Content, err)
		}
	}
	later := serve(maps.Clone(files), l.withhold(l.withhold(nil, "second"), "first"))
	s.fail = func(path string) error {
		if path == "http://cdn.example.com/0" {
			s.files = later
		}
		return nil
	}
	report, err := export(t, t.TempDir(), s, o)
	if err != nil || len(report.Content.Withheld) != 0 || len(report.Content.Blocked) != 1 || report.Withheld.Statements != 2 {
		t.Errorf("%+v, %+v, %v", report.Content, report.Withheld, err)
	}
}

// Of a list that does not continue the folder's, nothing is written, and no content fetched.
func TestExportWithheldLies(t *testing.T) {
	r := tlogtest.New(t)
	r.Init("example:a")
	r.Release("example:a", "1.0.0", []byte("first"))
	l := newLists(t, r)
	good := l.withhold(l.withhold(nil, "first"), "second")
	changed := slices.Clone(good)
	changed[1].Reason = "for fun"
	stranger, err := protocol.GeneratePrivateKey()
	must(t, err)
	for what, test := range map[string]struct {
		list  []withheld.Signed
		words string
	}{
		"shorter":     {good[:1], "went back"},
		"empty":       {nil, "went back"},
		"another":     {l.withhold(good[:1], "third"), "forked"},
		"changed":     {changed, "signature"},
		"one missing": {good[1:], "does not follow"},
		"a stranger":  {l.next(good[:1], stranger, withheld.Withhold, "third"), "may not sign"},
	} {
		dir, o := t.TempDir(), mirror.Options{VKeys: vkeys(r)}
		s := &source{files: serve(r.Files(), good)}
		_, err := export(t, dir, s, o)
		must(t, err)
		before := folder(t, dir)[withheld.File]
		s.files = serve(r.Files(), test.list)
		withContent(s.files, []byte("first"))
		for _, lost := range []string{"", ".export/withheld.json"} {
			if lost != "" {
				must(t, os.Remove(filepath.Join(dir, lost)))
			}
			o.Content, o.RemoveWithheld = true, true
			_, err = export(t, dir, s, o)
			var lie *mirror.InconsistentError
			if !errors.As(err, &lie) || lie.Log != mirror.WithheldList || lie.Path != withheld.Path || !strings.Contains(err.Error(), test.words) {
				t.Errorf("%s: %v", what, err)
			}
			got := folder(t, dir)
			if _, fetched := got[mirror.ContentPath(protocol.HashOf([]byte("first")))]; fetched || !bytes.Equal(got[withheld.File], before) {
				t.Errorf("%s: the folder has changed", what)
			}
		}
	}
	dir := t.TempDir()
	s := &source{files: serve(r.Files(), good)}
	if _, err := export(t, dir, s, mirror.Options{VKeys: vkeys(r)}); err != nil {
		t.Fatal(err)
	}
	s.files = r.Files()
	if _, err := export(t, dir, s, mirror.Options{VKeys: vkeys(r)}); err == nil || !strings.Contains(err.Error(), "no list of withheld content") {
		t.Errorf("a list that is gone: %v", err)
	}
}

// A key that the records in the folder do not have yet is no lie; the statements before its
// own count.
func TestExportWithheldAhead(t *testing.T) {
	r := tlogtest.New(t)
	l := newLists(t, r)
	key, err := protocol.GeneratePrivateKey()
	must(t, err)
	list := l.next(l.withhold(nil, "first"), key, withheld.Withhold, "second")
	dir, o := t.TempDir(), mirror.Options{VKeys: vkeys(r)}
	s := &source{files: serve(r.Files(), list)}
	report, err := export(t, dir, s, o)
	if err != nil || report.Withheld.Statements != 1 || !strings.Contains(report.Withheld.Unverified, "statement 1 is signed by key") {
		t.Fatalf("%+v, %v", report.Withheld, err)
	}
	first, err := protocol.UnmarshalEnvelopeProto(r.Envelope(0))
	must(t, err)
	record := &protocol.OperatorRecord{Prev: protocol.OperatorRecordID(first.Content).Any(), Time: protocol.Time{Seconds: 2}, Entries: []protocol.OperatorEntry{
		{Type: protocol.EntryGrantFlat, Key: key.Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}},
	}}
	r.Append("", record.Sign(r.Operator))
	s.files = serve(r.Files(), list)
	if report, err = export(t, dir, s, o); err != nil || report.Withheld.Statements != 2 || report.Withheld.Unverified != "" {
		t.Errorf("%+v, %v", report.Withheld, err)
	}
}

// A list that is not answered for keeps content from being copied, and not the logs.
func TestExportWithheldAway(t *testing.T) {
	r := tlogtest.New(t)
	r.Init("example:a")
	r.Release("example:a", "1.0.0", []byte("first"))
	files := r.Files()
	withContent(files, []byte("first"))
	s := &source{files: files, fail: func(path string) error {
		if strings.HasPrefix(path, withheld.Path) {
			return audit.ErrNoAnswer
		}
		return nil
	}}
	dir, o := t.TempDir(), mirror.Options{VKeys: vkeys(r)}
	report, err := export(t, dir, s, o)
	if err != nil || len(report.Logs) != 2 || !strings.Contains(report.Withheld.Unverified, "could not be asked for") {
		t.Errorf("%+v, %v", report.Withheld, err)
	}
	o.Content = true
	if _, err := export(t, dir, s, o); !errors.Is(err, audit.ErrNoAnswer) {
		t.Errorf("%v", err)
	}
	if _, fetched := folder(t, dir)[mirror.ContentPath(protocol.HashOf([]byte("first")))]; fetched {
		t.Error("content is copied without the list")
	}
}

// A copy that was audited says what is withheld, not that it is missing.
func TestExportWithheldAudited(t *testing.T) {
	r := tlogtest.New(t)
	r.Init("example:a")
	r.Release("example:a", "1.0.0", []byte("first"))
	r.Publish()
	s := &source{files: serve(r.Files(), newLists(t, r).withhold(nil, "first"))}
	dir := t.TempDir()
	if _, err := export(t, dir, s, mirror.Options{VKeys: vkeys(r), Content: true}); err != nil {
		t.Fatal(err)
	}
	auditor, err := audit.New(audit.NewFolderSource(os.DirFS(dir), "copy"), new(audit.MemoryStore), audit.Options{VKeys: vkeys(r), Content: true})
	must(t, err)
	report, err := auditor.Round(t.Context())
	must(t, err)
	said := ""
	for _, u := range report.Unchecked {
		said += u.Reason
	}
	if !report.Clean() || !strings.Contains(said, "is withheld by the registry since") {
		t.Errorf("found %v, unchecked %v", report.Findings, report.Unchecked)
	}
}

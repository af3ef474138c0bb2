package mirror_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

// withContent adds contents at a place that the API names, as a registry does.
func withContent(files map[string][]byte, contents ...[]byte) {
	for i, content := range contents {
		digest := protocol.HashOf(content)
		place := fmt.Sprintf("http://cdn.example.com/%d", i)
		answer := api.ContentSourcesResponse{ContentSources: api.HashMap[[]api.ContentSource]{{Hash: digest.Any(), Value: []api.ContentSource{{URL: place}}}}}
		files[api.ContentSourcesPath(digest)] = answer.AppendJSON(nil)
		files[place] = content
	}
}

func TestExportContent(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 300)
	first, second, third, same := []byte("first"), []byte("second"), []byte("third"), []byte("first")
	r.Init("example:with-content")
	r.Release("example:with-content", "1.0.0", first)
	r.Release("example:with-content", "1.0.1", second)
	r.Release("example:with-content", "1.0.2", same)
	r.Yank("example:with-content", "1.0.1")
	files := r.Files()
	withContent(files, first, second)
	// What else there is, is served plainly, but for one.
	var withheld protocol.Hash
	for n := 1; n < 300; n++ {
		content := fmt.Appendf(nil, "content %d", n)
		digest := protocol.HashOf(content)
		if n == 17 {
			withheld = digest
			continue
		}
		files[mirror.ContentPath(digest)] = content
	}
	dir := t.TempDir()
	o := mirror.Options{VKeys: vkeys(r), Content: true}
	report, err := export(t, dir, &source{files: files}, o)
	if err != nil {
		t.Fatal(err)
	}
	got := report.Content
	if len(got.Withheld) != 1 || got.Withheld[0].Digest != withheld || got.Withheld[0].Package != "example:p3" || len(got.Altered) != 0 {
		t.Errorf("withheld %v, altered %v", got.Withheld, got.Altered)
	}
	contents := folder(t, dir)
	for _, content := range [][]byte{first, second} {
		if string(contents[mirror.ContentPath(protocol.HashOf(content))]) != string(content) {
			t.Errorf("content %q is not there", content)
		}
	}

	// The next export asks for what is new and for what was missing, and no more.
	r.Release("example:with-content", "1.0.3", third)
	more := r.Files()
	withContent(more, third)
	more[mirror.ContentPath(withheld)] = []byte("something else")
	s := &source{files: more}
	if report, err = export(t, dir, s, o); err != nil {
		t.Fatal(err)
	}
	if got := report.Content; got.Fetched != 1 || len(got.Withheld) != 0 || len(got.Altered) != 1 || got.Altered[0].Digest != withheld {
		t.Errorf("%+v", got)
	}
	if s.asked[api.ContentSourcesPath(protocol.HashOf(first))] != 0 {
		t.Error("content that is there is asked for again")
	}
	if _, there := folder(t, dir)[mirror.ContentPath(withheld)]; there {
		t.Error("altered content is written")
	}
	more[mirror.ContentPath(withheld)] = fmt.Appendf(nil, "content %d", 17)
	if report, err = export(t, dir, s, o); err != nil || report.Content.Fetched != 1 || len(report.Content.Altered) != 0 {
		t.Errorf("%+v, %v", report.Content, err)
	}
}

// A network that is away is no withheld content, and what was fetched before stays.
func TestExportContentAway(t *testing.T) {
	r := tlogtest.New(t)
	r.Init("example:a")
	r.Release("example:a", "1.0.0", []byte("first"))
	r.Release("example:a", "1.0.1", []byte("second"))
	files := r.Files()
	withContent(files, []byte("first"), []byte("second"))
	s := &source{files: files, fail: func(path string) error {
		if path == "http://cdn.example.com/1" {
			return audit.ErrNoAnswer
		}
		return nil
	}}
	dir := t.TempDir()
	o := mirror.Options{VKeys: vkeys(r), Content: true, Parallel: 1}
	if report, err := export(t, dir, s, o); !errors.Is(err, audit.ErrNoAnswer) || len(report.Content.Withheld) != 0 {
		t.Fatalf("%v, %+v", err, report.Content)
	}
	s.fail = nil
	if report, err := export(t, dir, s, o); err != nil || report.Content.Fetched != 1 || report.Content.Have != 1 {
		t.Errorf("%v, %+v", err, report.Content)
	}
}

// Whatever is wrong about one content, the others are fetched, and it is asked for again.
func TestExportContentWrong(t *testing.T) {
	r := tlogtest.New(t)
	r.Init("example:a")
	wrong, right := []byte("wrong one"), []byte("right")
	r.Release("example:a", "1.0.0", wrong)
	r.Release("example:a", "1.0.1", right)
	sources := api.ContentSourcesPath(protocol.HashOf(wrong))
	at := func(place string) []byte {
		answer := api.ContentSourcesResponse{ContentSources: api.HashMap[[]api.ContentSource]{{Hash: protocol.HashOf(wrong).Any(), Value: []api.ContentSource{{URL: place}}}}}
		return answer.AppendJSON(nil)
	}
	for what, test := range map[string]struct {
		answer []byte
		lists  func(mirror.ContentReport) int
		asking bool // it fails to be asked for
	}{
		"too large":        {at("http://cdn.example.com/0"), func(c mirror.ContentReport) int { return len(c.TooLarge) }, false},
		"a file":           {at("file:///etc/passwd"), func(c mirror.ContentReport) int { return len(c.Withheld) }, false},
		"no link":          {at("http://%zz"), func(c mirror.ContentReport) int { return len(c.Withheld) }, false},
		"no JSON":          {[]byte("x"), func(c mirror.ContentReport) int { return len(c.Withheld) }, false},
		"a list too large": {make([]byte, 2<<20), func(c mirror.ContentReport) int { return len(c.Withheld) }, false},
		"away":             {at("http://away.example.com/"), func(c mirror.ContentReport) int { return 1 }, true},
	} {
		files := r.Files()
		withContent(files, wrong, right)
		good := files[sources]
		files[sources] = test.answer
		s := &source{files: files, fail: func(path string) error {
			if strings.Contains(path, "away") || strings.HasPrefix(path, "file") || strings.Contains(path, "%zz") {
				return audit.ErrNoAnswer // as an HTTP client says of them
			}
			return nil
		}}
		dir := t.TempDir()
		o := mirror.Options{VKeys: vkeys(r), Content: true, Parallel: 1, MaxContent: 5}
		report, err := export(t, dir, s, o)
		if (err != nil) != test.asking || report.Content.Fetched != 1 || test.lists(*report.Content) != 1 {
			t.Errorf("%s: %v, %+v", what, err, report.Content)
		}
		files[sources], o.MaxContent = good, 0
		if report, err := export(t, dir, s, o); err != nil || report.Content.Fetched != 1 || report.Content.Repaired != 0 {
			t.Errorf("%s, again: %v, %+v", what, err, report.Content)
		}
	}
}

// A network that is away altogether is not asked for each content.
func TestExportContentAllAway(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 300)
	s := &source{files: r.Files(), fail: func(path string) error {
		if strings.Contains(path, "content") {
			return audit.ErrNoAnswer
		}
		return nil
	}}
	_, err := export(t, t.TempDir(), s, mirror.Options{VKeys: vkeys(r), Content: true, Parallel: 1})
	asked := 0
	for path, n := range s.asked {
		if strings.Contains(path, "content") {
			asked += n
		}
	}
	if !errors.Is(err, audit.ErrNoAnswer) || asked > 15 {
		t.Errorf("%d requests, %v", asked, err)
	}
}

// The names in reports are for programs, too.
func TestReleaseJSON(t *testing.T) {
	text, err := json.Marshal(mirror.Release{Package: "a:b", Version: "1.0.0", Index: 7, Digest: protocol.HashOf(nil)})
	if want := `{"package":"a:b","version":"1.0.0","index":7,"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}

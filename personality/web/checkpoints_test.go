package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/web"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// Who cosigned the newest notes, when, and who did not, is on the page, and whether that is enough; in
// figures it is on the first page.
func TestCosignatures(t *testing.T) {
	a, b := witnesstest.NewKey("a.example"), witnesstest.NewKey("b.example")
	log := witnesstest.NewLog(t, "log.example/tlog/records", false)
	note := log.Note(t, 1234, strings.Repeat("A", 43)+"=")
	for name, c := range map[string]struct {
		cosigned string
		group    string
		want     []string
	}{
		"enough":  {a.Cosign(t, note, uint64(now.Add(-3*time.Minute).Unix())), "1", []string{"The quorum “g” has cosigned it at 1\u202f234 entries", "3 minutes ago", "2026-11-20 09:27:00 UTC", "not this one"}},
		"too few": {a.Cosign(t, note, uint64(now.Unix())), "2", []string{"It is short of the quorum “g”", "just now", "not this one"}},
		"nobody":  {"", "1", []string{"It is short of the quorum", "not this one"}},
	} {
		policy, err := witness.ParsePolicy([]byte("witness a " + a.VKey + "\nwitness <b>\xff " + b.VKey + "\ngroup g " + c.group + " a <b>\xff\nquorum g\n"))
		if err != nil {
			t.Fatal(err)
		}
		s := newSite(t, func(o *web.Options) { o.Policy = func() *witness.Policy { return policy } })
		s.log.notes[tlog.Records] = append(append([]byte{}, note...), c.cosigned...)
		page := s.get("/checkpoints")
		checkPage(t, "/checkpoints", page)
		for _, want := range append(c.want, "&lt;b&gt;�", "log.example/tlog/records", "No note is served yet.") {
			if !strings.Contains(string(page.Body), want) {
				t.Errorf("%s: the page lacks %q", name, want)
			}
		}
		figure := map[bool]string{true: "0 of 2", false: "1 of 2"}[c.cosigned == ""]
		if !strings.Contains(s.body("/"), figure) {
			t.Errorf("%s: the first page lacks %q", name, figure)
		}
	}
}

// The chart goes from the first checkpoint to the newest, whenever it was read.
func TestChart(t *testing.T) {
	later := now
	s := newSite(t, func(o *web.Options) { o.Now = func() time.Time { return later } })
	body := s.body("/checkpoints")
	if !strings.Contains(body, "L1000.0 0.0\"/>") || !strings.Contains(body, "L1000.0 0.0L1000 240L0.0 240Z") {
		t.Errorf("the line does not end at the newest checkpoint: %s", body)
	}
	s.log.length = 2000
	body = s.body("/checkpoints")
	if !strings.Contains(body, "2\u202f000 records") || !strings.Contains(body, "L1000.0 0.0\"/>") || s.log.asked != 1 {
		t.Errorf("after another checkpoint, and %d reads: %s", s.log.asked, body)
	}
	later = later.Add(time.Minute)
	if s.body("/checkpoints"); s.log.asked != 2 {
		t.Errorf("after a minute it was read %d times", s.log.asked)
	}
	s.log.length = 1
	later = later.Add(time.Minute)
	if body := s.body("/checkpoints"); !strings.Contains(body, `class="curve" d="M0 0L1000 0"`) {
		t.Errorf("one checkpoint is drawn as %s", body)
	}
}

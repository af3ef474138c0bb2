package audit

import (
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

func TestHonest(t *testing.T) {
	w := newWorld(t)
	store := new(MemoryStore)
	w.clean(store)
	for range 4 {
		w.some(30)
		report := w.clean(store)
		if report.Records != uint64(len(w.records)) || report.Checkpoints != uint64(len(w.checkpoints)) || report.Mode != "tlog" || len(report.Unchecked) > 0 {
			t.Errorf("%+v", report)
		}
		w.clean(store)
	}
	w.clean(new(MemoryStore))
}

func TestHonestWithoutTiles(t *testing.T) {
	w := newWorld(t)
	w.noTiles = true
	o := w.options()
	o.VKeys, o.Policy = nil, nil
	store := new(MemoryStore)
	for range 4 {
		w.some(10)
		for _, s := range []Store{store, new(MemoryStore)} {
			report, err := w.auditWith(s, o)
			must(t, err)
			for _, f := range report.Findings {
				t.Errorf("found in an honest registry: %s", f)
			}
			if report.Records != uint64(len(w.records)) || report.Mode != "v1" || len(report.Unchecked) == 0 {
				t.Errorf("%+v", report)
			}
		}
	}
}

// A registry without static files need not sign its checkpoint again.
func TestHonestOldCheckpoint(t *testing.T) {
	w := newWorld(t)
	w.some(2)
	o := w.options()
	o.VKeys, o.Policy = nil, nil
	for _, test := range []struct {
		noTiles bool
		limit   time.Duration
	}{{true, 0}, {false, -1}} {
		w.noTiles, o.MaxCheckpointAge = test.noTiles, test.limit
		w.now = w.now.Add(40 * 24 * time.Hour)
		report, err := w.auditWith(new(MemoryStore), o)
		must(t, err)
		if !report.Clean() {
			t.Errorf("%+v: %v", test, report.Findings)
		}
	}
}

// An API may give names some at a time.
func TestHonestNamesInParts(t *testing.T) {
	w := newWorld(t)
	w.some(3)
	w.tamper = tampered(api.FetchPackageNamesPath, func(status int, answer []byte) (int, []byte) {
		var r api.FetchPackageNamesResponse
		must(t, r.UnmarshalJSON(answer))
		r.Packages = r.Packages[:1]
		return status, r.AppendJSON(nil)
	})
	if report := w.clean(new(MemoryStore)); len(report.Unchecked) > 0 {
		t.Errorf("unchecked: %v", report.Unchecked)
	}
}

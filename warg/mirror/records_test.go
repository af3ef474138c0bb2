package mirror_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

func TestRecordsReader(t *testing.T) {
	r := tlogtest.New(t)
	s := &source{}
	reader := &mirror.RecordsReader{Source: s, VKeys: vkeys(r)}
	next := uint64(0)
	visit := func(record mirror.Record) error {
		if record.Index != next || string(record.Envelope.MarshalProto()) != string(r.Envelope(int(next))) || (record.Name == "") != (next == 0) {
			t.Fatalf("record %d is read as %+v", next, record)
		}
		next++
		return nil
	}
	for _, size := range []int{1, 1, 200, 256, 700} {
		grow(r, size)
		s.files = r.Files()
		if err := reader.Read(t.Context(), next, visit); err != nil || next != uint64(size) || reader.Known != r.Head(tlog.Records, size) {
			t.Fatalf("%d records: %d read, %v, %+v", size, next, err, reader.Known)
		}
	}
	// Records may be read again from any index.
	next = 300
	if err := reader.Read(t.Context(), 300, visit); err != nil || next != 700 {
		t.Errorf("%d, %v", next, err)
	}
	stop := errors.New("stop")
	known := reader.Known
	grow(r, 800)
	s.files = r.Files()
	if err := reader.Read(t.Context(), 700, func(mirror.Record) error { return stop }); err != stop || reader.Known != known {
		t.Errorf("%v, %+v", err, reader.Known)
	}
}

func TestRecordsReaderRefuses(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 300)
	honest := r.Files()
	fork := tlogtest.New(t)
	fork.Keys = r.Keys
	grow(fork, 400)
	for path := range honest {
		f, err := tlog.ParsePath(path[len("tlog/records/"):])
		if err == nil && (f.Width < 256 || f.Kind != tlog.Tile) {
			honest[path] = append(honest[path], 0)
			reader := &mirror.RecordsReader{Source: &source{files: honest}, VKeys: vkeys(r)}
			var inconsistent *mirror.InconsistentError
			if err := reader.Read(t.Context(), 0, func(mirror.Record) error { return nil }); !errors.As(err, &inconsistent) {
				t.Errorf("%s has a byte too many: %v", path, err)
			}
			honest = r.Files()
		}
	}
	reader := &mirror.RecordsReader{Source: &source{files: honest}, VKeys: vkeys(r)}
	if err := reader.Read(t.Context(), 300, nil); err != nil {
		t.Fatal(err)
	}
	reader.Source = &source{files: maps.Clone(fork.Files())}
	var inconsistent *mirror.InconsistentError
	if err := reader.Read(t.Context(), 300, nil); !errors.As(err, &inconsistent) {
		t.Errorf("a fork: %v", err)
	}
}

func TestRecordsReaderPolicy(t *testing.T) {
	r := tlogtest.New(t)
	key := witnesstest.NewKey("witness.example")
	policy, err := witness.ParsePolicy([]byte("witness w " + key.VKey + "\nquorum w\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := &source{files: r.Files()}
	reader := &mirror.RecordsReader{Source: s, VKeys: vkeys(r), Policy: policy}
	count := 0
	visit := func(mirror.Record) error { count++; return nil }
	if err := reader.Read(t.Context(), 0, visit); !errors.Is(err, witness.ErrNoQuorum) || count != 0 {
		t.Errorf("without a cosignature: %v, %d records", err, count)
	}
	note := s.files["tlog/records/checkpoint"]
	s.files["tlog/records/checkpoint"] = append(note, key.Cosign(t, note, 1000)...)
	if err := reader.Read(t.Context(), 0, visit); err != nil || count != 1 {
		t.Errorf("with one: %v, %d records", err, count)
	}
}

package registry_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// manyReleases are the entries of a record of somewhat over 220 kB.
func manyReleases(patch int) []protocol.PackageEntry {
	entries := make([]protocol.PackageEntry, 800)
	for minor := range entries {
		version := fmt.Sprintf("1.%d.%d-%s", minor, patch, strings.Repeat("x", 200))
		entries[minor] = release(version, "content")
	}
	return entries
}

// Records that are large together come in several answers, each within bounds
// and each with something new; all of them come.
func TestFetchLargeRecords(t *testing.T) {
	const each, records = 240 << 10, 16
	s := newSetup(t)
	s.run()
	a, b := s.author("example:one"), s.author("example:two")
	for i := range records {
		for _, author := range []*author{a, b} {
			if i == 0 {
				author.post(initEntry(author.key))
				continue
			}
			status := author.post(manyReleases(i)...)
			if status.State == registry.Sourcing {
				s.must(author.upload(status.RecordID, "content"))
			}
		}
	}
	a.wait(mustHash(t, a.head))
	b.wait(mustHash(t, b.head))
	checkpoint, err := s.LatestCheckpoint(context.Background())
	s.must(err)
	got := map[protocol.Hash]int{}
	q := registry.FetchLogsRequest{LogLength: checkpoint.Contents.LogLength, Limit: 100,
		Packages: []registry.PackageLogCursor{{LogID: a.name.LogID()}, {LogID: b.name.LogID()}}}
	for answers := 1; ; answers++ {
		answer, err := s.FetchLogs(context.Background(), q)
		s.must(err)
		bytes := 0
		for i, p := range answer.Packages {
			for _, r := range p.Records {
				bytes += len(r.Envelope.Content)
				got[p.LogID]++
				q.Packages[i].FetchToken = r.RecordID.String()
			}
		}
		if bytes > 4<<20+each+1000 || bytes == 0 {
			t.Fatalf("answer %d has %d bytes", answers, bytes)
		}
		if !answer.More {
			break
		}
	}
	if got[a.name.LogID()] != records || got[b.name.LogID()] != records {
		t.Errorf("got %v records of each, want %d", got, records)
	}
}

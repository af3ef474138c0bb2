package reader_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// manyReleases are the entries of a record of somewhat over 220 kB.
func manyReleases(patch int) []protocol.PackageEntry {
	entries := make([]protocol.PackageEntry, 800)
	for minor := range entries {
		version := fmt.Sprintf("1.%d.%d-%s", minor, patch, strings.Repeat("x", 200))
		entries[minor] = registrytest.Release(version, "content")
	}
	return entries
}

// Records that are large together come in several answers, each within bounds
// and each with something new; all of them come, to however many ask.
func TestFetchLargeRecords(t *testing.T) {
	const each, records = 240 << 10, 16
	s := registrytest.New(t)
	s.Start()
	a, b := s.Author("example:one"), s.Author("example:two")
	for i := range records {
		for _, author := range []*registrytest.Author{a, b} {
			if i == 0 {
				author.Post(registrytest.Init(author.Key))
				continue
			}
			status := author.Post(manyReleases(i)...)
			if status.State == registry.Sourcing {
				s.Must(author.Upload(status.RecordID, "content"))
			}
		}
	}
	a.Wait(registrytest.MustHash(t, a.Head))
	b.Wait(registrytest.MustHash(t, b.Head))
	checkpoint, err := s.LatestCheckpoint(context.Background())
	s.Must(err)
	fetchAll := func() {
		got := map[protocol.Hash]int{}
		q := reader.FetchLogsRequest{LogLength: checkpoint.Contents.LogLength, Limit: 100,
			Packages: []reader.PackageLogCursor{{LogID: a.Name.LogID()}, {LogID: b.Name.LogID()}}}
		for answers, more := 1, true; more; answers++ {
			answer, err := s.FetchLogs(context.Background(), q)
			if err != nil {
				t.Error(err)
				return
			}
			bytes := 0
			for i, p := range answer.Packages {
				for _, r := range p.Records {
					bytes += len(r.Envelope.Content)
					got[p.LogID]++
					q.Packages[i].FetchToken = r.RecordID.String()
				}
			}
			if bytes > 4<<20+each+1000 || bytes == 0 {
				t.Errorf("answer %d has %d bytes", answers, bytes)
				return
			}
			more = answer.More
		}
		if got[a.Name.LogID()] != records || got[b.Name.LogID()] != records {
			t.Errorf("got %v records of each, want %d", got, records)
		}
	}
	fetchAll()
	var many sync.WaitGroup // more than may wait for a turn: they get shorter answers
	for range 40 {
		many.Go(fetchAll)
	}
	many.Wait()
}

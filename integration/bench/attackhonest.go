package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	honestRecords  = 20  // a second
	honestReads    = 200 // a second
	honestPackages = 200 // that are read
	// honestPatience is how long a record or an answer may take. What takes
	// longer has failed.
	honestPatience = 15 * time.Second
	// Each largeEach'th record has so many releases that its body is larger than
	// 16 KiB, as those are that have turns of their own.
	largeEach, largeReleases = 5, 150
)

// honest are a publisher and a reader, with an address each.
type honest struct {
	publisher, reader *client
	records           []honestRecord
	leaves            []protocol.LogLeaf
	reads             []read
}

// honestRecord is a record with content of its own, to be uploaded.
type honestRecord struct {
	record
	content    []byte
	uploadPath string
}

type read struct {
	method, path string
	body         []byte
}

// prepareHonest publishes what is read, and signs what is to be published.
func prepareHonest(ctx context.Context, c *client) (*honest, error) {
	h := &honest{
		publisher: newClientFrom(c.address(), loopback(0, 2), honestPatience),
		reader:    newClientFrom(c.address(), loopback(0, 3), honestPatience),
	}
	packages, err := c.prepareLoad(ctx, honestPackages, 8)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.load(ctx, packages, 8); err != nil {
		return nil, err
	}
	checkpoint, err := c.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	length := checkpoint.Contents.LogLength
	if h.leaves, err = c.leaves(ctx, length); err != nil {
		return nil, err
	}
	for range honestPackages { // reads of all kinds by turns
		index := randomPackage(h.leaves)
		logs := api.HashMap[*string]{{Hash: h.leaves[index].LogID.Any()}}
		h.reads = append(h.reads,
			read{"GET", api.FetchCheckpointPath, nil},
			read{"POST", api.FetchLogsPath, api.FetchLogsRequest{LogLength: length, Packages: logs}.AppendJSON(nil)},
			read{"POST", api.ProveInclusionPath, api.InclusionRequest{LogLength: length, Leafs: []uint64{index}}.AppendJSON(nil)})
	}
	return h, h.sign(int(honestRecords * attackTime.Seconds()))
}

// sign signs the first records of packages.
func (h *honest) sign(n int) error {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return err
	}
	for i := range n {
		name, err := protocol.ParsePackageName(fmt.Sprintf("%s:honest%d", namespace, i))
		if err != nil {
			return err
		}
		content := moduleNumber(uint64(i))
		entries := []protocol.PackageEntry{initEntry(key), releaseOf("1.0.0", content)}
		if i%largeEach == 0 {
			for v := range largeReleases {
				entries = append(entries, releaseOf(fmt.Sprintf("1.1.%d", v), content))
			}
		}
		r := newRecord(key, name, "", entries...)
		h.records = append(h.records, honestRecord{r, content, api.UploadContentPath(r.logID, r.id, protocol.HashOf(content))})
	}
	return nil
}

// moduleNumber is a small WebAssembly module that no other number has.
func moduleNumber(n uint64) []byte {
	custom := binary.BigEndian.AppendUint64([]byte{1, 'n'}, n)
	return append(append(append([]byte{}, wasm...), 0, byte(len(custom))), custom...)
}

func releaseOf(version string, content []byte) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: protocol.HashOf(content).Any()}
}

// use publishes and reads at steady rates for as long as an attack takes, and
// returns when each request has ended.
func (h *honest) use(ctx context.Context) (published, reads *served) {
	published, reads = new(served), new(served)
	var both sync.WaitGroup
	both.Go(func() {
		published.steadily(ctx, len(h.records), honestRecords, func(ctx context.Context, i int) error {
			return h.publish(ctx, &h.records[i])
		})
	})
	both.Go(func() {
		reads.steadily(ctx, int(honestReads*attackTime.Seconds()), honestReads, func(ctx context.Context, i int) error {
			r := h.reads[i%len(h.reads)]
			_, err := h.reader.do(ctx, r.method, r.path, r.body, http.StatusOK)
			return err
		})
	})
	both.Wait()
	return published, reads
}

// publish posts a record, uploads its content and waits until it is published.
func (h *honest) publish(ctx context.Context, r *honestRecord) error {
	if err := h.publisher.post(ctx, &r.record); err != nil {
		return err
	}
	if _, err := h.publisher.do(ctx, "POST", r.uploadPath, r.content, http.StatusCreated); err != nil {
		return err
	}
	for {
		status, err := h.publisher.status(ctx, &r.record)
		switch {
		case err != nil:
			return err
		case status.State == api.StatePublished:
			return nil
		case status.State != api.StateProcessing:
			return fmt.Errorf("record %s of %s is %s (%s)", r.id, r.name, status.State, status.Reason)
		}
		sleep(ctx, hostilePoll)
	}
}

// served is how a client fared.
type served struct {
	mu      sync.Mutex
	sent    int
	took    []time.Duration // of those served; guarded by mu
	failure error           // of one of the others; guarded by mu
}

// steadily does n things at fixed times, a rate of them a second, each by itself.
// Times count from when each was due.
func (s *served) steadily(ctx context.Context, n, rate int, do func(ctx context.Context, i int) error) {
	var group sync.WaitGroup
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		sleep(ctx, time.Until(due))
		if ctx.Err() != nil {
			break
		}
		s.sent++
		group.Go(func() {
			ctx, cancel := context.WithDeadline(ctx, due.Add(honestPatience))
			defer cancel()
			err := do(ctx, i)
			took := time.Since(due)
			s.mu.Lock()
			defer s.mu.Unlock()
			if err != nil {
				s.failure = err
				return
			}
			s.took = append(s.took, took)
		})
	}
	group.Wait()
}

func (s *served) report(t *table, title string) {
	if s.failure != nil {
		t.note("%s: one of those that failed: %v.", title, s.failure)
	}
	const target = "all, p99 at most 1 s"
	if len(s.took) == 0 {
		t.add(title, target, "none of %d", s.sent)
		return
	}
	t.add(title, target, "%d of %d, p99 %s (p50 %s)", len(s.took), s.sent, milliseconds(percentile(s.took, 0.99)), milliseconds(median(s.took)))
}

// randomPackage returns the index of a package's record.
func randomPackage(leaves []protocol.LogLeaf) uint64 {
	for {
		if i := rand.IntN(len(leaves)); leaves[i].LogID != protocol.OperatorLogID() {
			return uint64(i)
		}
	}
}

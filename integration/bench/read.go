package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const readConnections = 16

// measureRead measures reads on a registry with -packages packages.
func measureRead(ctx context.Context, s *settings, t *table) error {
	srv, _, err := s.newServer(ctx, "read")
	if err != nil {
		return err
	}
	defer srv.stop()
	records, err := srv.prepareLoad(ctx, s.packages, s.publishers)
	if err != nil {
		return err
	}
	if _, _, err := srv.load(ctx, records, s.publishers); err != nil {
		return err
	}
	return s.measureReads(ctx, srv.client, len(records), t)
}

// measureReads asks about packages at random: for their logs, and for proofs of
// their heads.
func (s *settings) measureReads(ctx context.Context, c *client, packages int, t *table) error {
	checkpoint, err := c.checkpoint(ctx)
	if err != nil {
		return err
	}
	length := checkpoint.Contents.LogLength
	leaves, err := c.leaves(ctx, length)
	if err != nil {
		return err
	}
	asks := []struct {
		name, target, path string
		body               func(index uint64) []byte
	}{
		{"fetch/logs of one package", "5,000/s", api.FetchLogsPath, func(index uint64) []byte {
			packages := api.HashMap[*string]{{Hash: leaves[index].LogID.Any()}}
			return api.FetchLogsRequest{LogLength: length, Packages: packages}.AppendJSON(nil)
		}},
		{"inclusion bundle of one head", "3,000/s", api.ProveInclusionPath, func(index uint64) []byte {
			return api.InclusionRequest{LogLength: length, Leafs: []uint64{index}}.AppendJSON(nil)
		}},
	}
	for _, a := range asks {
		bodies := make([][]byte, min(packages, 20_000))
		for i := range bodies {
			bodies[i] = a.body(randomPackage(leaves))
		}
		rate, took, err := c.ask(ctx, a.path, bodies, time.Duration(s.readSeconds*float64(time.Second)))
		if err != nil {
			return err
		}
		t.add(fmt.Sprintf("%s, %d packages, %d connections", a.name, packages, readConnections), a.target,
			"%.0f/s (p50 %s, p99 %s)", rate, milliseconds(median(took)), milliseconds(percentile(took, 0.99)))
	}
	return nil
}

// randomPackage returns the index of a package's record.
func randomPackage(leaves []protocol.LogLeaf) uint64 {
	for {
		if i := rand.IntN(len(leaves)); leaves[i].LogID != protocol.OperatorLogID() {
			return uint64(i)
		}
	}
}

// ask posts bodies, in turn and over again, on all connections for a time.
func (c *client) ask(ctx context.Context, path string, bodies [][]byte, d time.Duration) (perSecond float64, took []time.Duration, err error) {
	var next atomic.Int64
	byConnection := make([][]time.Duration, readConnections)
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i := range byConnection {
		group.Go(func() error {
			for begin := time.Now(); begin.Sub(start) < d; {
				body := bodies[int(next.Add(1))%len(bodies)]
				if _, err := c.do(ctx, "POST", path, body, http.StatusOK); err != nil {
					return err
				}
				end := time.Now()
				byConnection[i] = append(byConnection[i], end.Sub(begin))
				begin = end
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, nil, err
	}
	elapsed := time.Since(start)
	for _, one := range byConnection {
		took = append(took, one...)
	}
	return float64(len(took)) / elapsed.Seconds(), took, nil
}

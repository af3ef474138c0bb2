package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/personality/discovery"
	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
)

// discoveryConnections ask at the same time.
const discoveryConnections = 16

// measureDiscovery measures the index of what is in packages: how long it takes to make, what
// it takes on the disk, how fast it answers, and what it costs publishing.
func measureDiscovery(ctx context.Context, s *settings, t *table) error {
	dir, err := os.MkdirTemp(s.dir, "discovery-")
	if err != nil {
		return err
	}
	w, err := newCatalogue(s.discoveryPackages)
	if err != nil {
		return err
	}
	index := discovery.New(discovery.Options{DataDir: dir, Log: w, Describer: w, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	run, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); index.Run(run) }()
	defer func() { stop(); <-ended }()
	begin, before := time.Now(), ownTime()
	followed, err := awaitIndex(ctx, index, w.length())
	if err != nil {
		return err
	}
	made := time.Since(begin)
	if err := awaitRest(ctx); err != nil {
		return err
	}
	spent := ownTime() - before
	many := fmt.Sprintf("%d packages with %d releases", s.discoveryPackages, s.discoveryPackages*releasesEach)
	t.add("index of "+many+", made from log and descriptions", "at most 10 min", "%s (records after %s; words tidied %s later; %s of processor time)",
		made.Round(time.Second), followed.Round(time.Second), (time.Since(begin) - made).Round(time.Second), spent.Round(time.Second))
	size, err := folderSize(dir)
	if err != nil {
		return err
	}
	t.add("index on the disk a release", "", "%.2f KiB", float64(size)/1024/float64(s.discoveryPackages*releasesEach))
	if err := s.measureSearches(ctx, index, w, t); err != nil {
		return err
	}
	if err := measurePages(ctx, index, w, t); err != nil {
		return err
	}
	stop()
	<-ended
	return s.measureIndexedPublishing(ctx, t)
}

// awaitIndex waits until the index has everything, and returns when it had all records.
func awaitIndex(ctx context.Context, index *discovery.Index, length uint64) (followed time.Duration, err error) {
	begin := time.Now()
	for ctx.Err() == nil {
		status, err := index.Status(ctx)
		if err != nil && !errors.Is(err, discovery.ErrUnavailable) {
			return 0, err
		}
		if followed == 0 && status.LogLength == length {
			followed = time.Since(begin)
		}
		if followed > 0 && status.ToDescribe == 0 && status.Releases > 0 {
			return followed, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return 0, ctx.Err()
}

// awaitRest waits until this process does nothing: the index tidies its words when all else
// is done.
func awaitRest(ctx context.Context) error {
	for ctx.Err() == nil {
		before := ownTime()
		time.Sleep(time.Second)
		if ownTime()-before < 50*time.Millisecond {
			break
		}
	}
	return ctx.Err()
}

func folderSize(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

// measureSearches asks over HTTP, on all connections at once.
func (s *settings) measureSearches(ctx context.Context, index *discovery.Index, w *catalogue, t *table) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: httpapi.New(nobody{}, httpapi.Options{Discovery: discoveryapi.New(index, nil), Logger: slog.New(slog.DiscardHandler)})}
	go server.Serve(listener)
	defer server.Close()
	for _, kind := range w.questions() {
		took := make([][]time.Duration, discoveryConnections)
		group, asking := errgroup.WithContext(ctx)
		before := ownTime()
		end := time.Now().Add(time.Duration(s.readSeconds * float64(time.Second)))
		for i := range took {
			group.Go(func() error {
				conn, err := dialLean(asking, listener.Addr().String())
				if err != nil {
					return err
				}
				defer conn.conn.Close()
				random := rand.New(rand.NewPCG(uint64(i), 7))
				for time.Now().Before(end) {
					begin := time.Now()
					if _, err := conn.get(kind.path(random)); err != nil {
						return err
					}
					took[i] = append(took[i], time.Since(begin))
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		all := slices.Concat(took...)
		t.add(fmt.Sprintf("%s, %d connections", kind.name, discoveryConnections), kind.target, "p50 %s, p99 %s, %.0f/s (%s of processor time each, the generator's included)",
			milliseconds(median(all)), milliseconds(percentile(all, 0.99)), float64(len(all))/s.readSeconds, milliseconds((ownTime()-before)/time.Duration(len(all))))
	}
	return nil
}

// measureIndexedPublishing publishes with the index and without, in turn.
func (s *settings) measureIndexedPublishing(ctx context.Context, t *table) error {
	rates, costs := map[bool][]float64{}, map[bool][]float64{}
	for range max(s.runs, 1) {
		for _, indexed := range []bool{false, true} {
			r, err := s.publishRun(ctx, fmt.Sprintf("--discovery=%v", indexed))
			if err != nil {
				return err
			}
			rates[indexed], costs[indexed] = append(rates[indexed], r.published), append(costs[indexed], r.cpu)
		}
	}
	with, without := median(slices.Clone(rates[true])), median(slices.Clone(rates[false]))
	t.add("publishing with the index against without", "at least 0.95 times", "%.2f times (%.0f/s, %.0f/s; runs %.0f, %.0f; %.2f ms and %.2f ms of the server's processor time a record)",
		with/without, with, without, rates[true], rates[false], median(costs[true]), median(costs[false]))
	return nil
}

// nobody is a registry of which nothing is asked.
type nobody struct{ httpapi.Registry }

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

const (
	fewConnections  = 16
	manyConnections = 64
	// besideRate is how many records a second are published beside reads.
	besideRate = 500
	// followEach is how often readers learn the newest checkpoint then.
	followEach = 100 * time.Millisecond
)

// head is a package with the leaf of its newest record.
type head struct {
	logID string
	index uint64
}

// heads asks where records stand, each the newest of its package.
func (c *client) heads(ctx context.Context, records []record) ([]head, error) {
	heads := make([]head, len(records))
	var taken atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range fewConnections {
		group.Go(func() error {
			for i := taken.Add(1) - 1; i < int64(len(records)); i = taken.Add(1) - 1 {
				status, err := c.status(ctx, &records[i])
				if err == nil && status.State != api.StatePublished {
					err = fmt.Errorf("record %s of %s is %s", records[i].id, records[i].name, status.State)
				}
				if err != nil {
					return err
				}
				heads[i] = head{records[i].logID.String(), status.RegistryIndex}
			}
			return nil
		})
	}
	return heads, group.Wait()
}

// reads are requests about packages at random: for the log of one, and for the proof
// that a record is the head of one.
type reads struct {
	records []record // one of each package
	heads   []head
	length  atomic.Uint64 // of the checkpoint that is asked at
}

func (r *reads) logs(b []byte) (string, []byte) {
	h := &r.heads[rand.IntN(len(r.heads))]
	b = append(strconv.AppendUint(append(b, `{"logLength":`...), r.length.Load(), 10), `,"packages":{"`...)
	return api.FetchLogsPath, append(append(b, h.logID...), `":null}}`...)
}

func (r *reads) inclusion(b []byte) (string, []byte) {
	h := &r.heads[rand.IntN(len(r.heads))]
	b = append(strconv.AppendUint(append(b, `{"logLength":`...), r.length.Load(), 10), `,"leafs":[`...)
	return api.ProveInclusionPath, append(strconv.AppendUint(b, h.index, 10), `]}`...)
}

// run asks kinds of requests in turn on each connection.
func (r *reads) run(ctx context.Context, c *client, connections int, d time.Duration, kinds ...func([]byte) (string, []byte)) (loadResult, error) {
	buffers := make([][]byte, connections)
	return c.ask(ctx, connections, d, func(connection, request int) (string, []byte) {
		path, body := kinds[request%len(kinds)](buffers[connection][:0])
		buffers[connection] = body
		return path, body
	})
}

func (r *reads) mix(ctx context.Context, c *client, connections int, d time.Duration) (loadResult, error) {
	return r.run(ctx, c, connections, d, r.logs, r.inclusion)
}

// newReads publishes packages of one record each, and returns reads about them at the
// newest checkpoint.
func (s *settings) newReads(ctx context.Context, c *client, packages int) (*reads, error) {
	records, err := c.prepareLoad(ctx, packages, s.publishers)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.load(ctx, records, s.publishers); err != nil {
		return nil, err
	}
	return c.readsOf(ctx, records)
}

// readsOf is about the packages of records that are published.
func (c *client) readsOf(ctx context.Context, records []record) (*reads, error) {
	heads, err := c.heads(ctx, records)
	if err != nil {
		return nil, err
	}
	checkpoint, err := c.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	r := &reads{records: records, heads: heads}
	r.length.Store(checkpoint.Contents.LogLength)
	return r, nil
}

// startReads starts a registry for reads.
func (s *settings) startReads(ctx context.Context, name string, packages int) (*server, *reads, error) {
	srv, _, err := s.newServer(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	r, err := s.newReads(ctx, srv.client, packages)
	return srv, r, closingUnless(err, srv.stop)
}

// closingUnless closes what is not handed on, because of an error.
func closingUnless(err error, close func() error) error {
	if err != nil {
		close()
	}
	return err
}

func (s *settings) readTime() time.Duration {
	return time.Duration(s.readSeconds * float64(time.Second))
}

// measureRead measures reads on a registry with -packages packages, and on the
// reference server if -reference names it.
func measureRead(ctx context.Context, s *settings, t *table) error {
	srv, r, err := s.startReads(ctx, "read", s.packages)
	if err != nil {
		return err
	}
	defer srv.stop()
	if err := s.measureReads(ctx, srv, r, t); err != nil {
		return err
	}
	if s.reference == "" || s.before != "" && s.binary == s.before { // once, beside this tree's
		return nil
	}
	return s.measureReference(ctx, t)
}

func (s *settings) measureReads(ctx context.Context, srv *server, r *reads, t *table) error {
	packages := len(r.heads)
	for _, kind := range []struct {
		name, target string
		ask          func([]byte) (string, []byte)
	}{{"fetch/logs of one package", "5,000/s", r.logs}, {"inclusion bundle of one head", "3,000/s", r.inclusion}} {
		result, err := r.run(ctx, srv.client, fewConnections, s.readTime(), kind.ask)
		if err != nil {
			return err
		}
		t.add(fmt.Sprintf("%s, %d packages, %d connections", kind.name, packages, fewConnections), kind.target, "%v", result)
	}
	if err := s.measureMix(ctx, srv.client, r, t); err != nil || srv.pid == 0 {
		return err
	}
	return srv.addResident(t, fmt.Sprintf("resident memory after reading, %d packages", packages))
}

// measureMix measures both kinds of reads in turn, at few and at many connections.
func (s *settings) measureMix(ctx context.Context, c *client, r *reads, t *table) error {
	for _, connections := range []int{fewConnections, manyConnections} {
		target := ""
		if connections == manyConnections {
			target = "12,500/s, p50 4.2 ms"
		}
		result, err := r.mix(ctx, c, connections, s.readTime())
		if err != nil {
			return err
		}
		t.add(fmt.Sprintf("both in turn, %d packages, %d connections", len(r.heads), connections), target, "%v", result)
	}
	return nil
}

func (s *server) addResident(t *table, what string) error {
	now, most, err := s.resident()
	if err == nil {
		t.add(what, "at most 250 MiB", "%d MiB (peak %d MiB)", now>>10, most>>10)
	}
	return err
}

// measureReadLarge measures reads on a registry with -large-packages packages.
func measureReadLarge(ctx context.Context, s *settings, t *table) error {
	srv, r, err := s.startReads(ctx, "read-large", s.largePackages)
	if err != nil {
		return err
	}
	defer srv.stop()
	// What was asked for before stays in memory as far as there is room: so it is where a
	// server has run for a while.
	if _, err := r.mix(ctx, srv.client, manyConnections, s.readTime()); err != nil {
		return err
	}
	if err := s.measureMix(ctx, srv.client, r, t); err != nil || srv.pid == 0 {
		return err
	}
	return srv.addResident(t, fmt.Sprintf("resident memory after reading, %d packages", s.largePackages))
}

// measureReadPublish measures reads at the newest checkpoint while records are
// published.
func measureReadPublish(ctx context.Context, s *settings, t *table) error {
	srv, r, err := s.startReads(ctx, "read-publish", s.packages)
	if err != nil {
		return err
	}
	defer srv.stop()
	alone, err := r.mix(ctx, srv.client, manyConnections, s.readTime()) // see measureReadLarge, too
	if err != nil {
		return err
	}
	more, err := newPackages("beside", int(besideRate*s.readSeconds)+1, 1)
	if err != nil {
		return err
	}
	stopped, stop := context.WithCancel(ctx)
	defer stop()
	beside, working := errgroup.WithContext(stopped)
	beside.Go(func() error { return srv.postPaced(working, more, besideRate) })
	beside.Go(func() error { return srv.follow(working, r) })
	before := r.length.Load()
	result, err := r.mix(ctx, srv.client, manyConnections, s.readTime())
	if err != nil {
		return err
	}
	published := float64(r.length.Load()-before) / s.readSeconds
	stop()
	if err := beside.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	t.add(fmt.Sprintf("both in turn, %d packages, %d connections, beside %d records/s posted", s.packages, manyConnections, besideRate),
		"0.7 of the mix alone", "%v; %.2f of the mix alone just before, %.0f/s; %.0f records/s published meanwhile",
		result, result.perSecond/alone.perSecond, alone.perSecond, published)
	return nil
}

// postPaced posts records at fixed times.
func (c *client) postPaced(ctx context.Context, records []record, perSecond float64) error {
	start := time.Now()
	posts, ctx := errgroup.WithContext(ctx)
	posts.SetLimit(fewConnections)
	for i := range records {
		due := start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return posts.Wait()
		}
		posts.Go(func() error { return c.post(ctx, &records[i]) })
	}
	return posts.Wait()
}

// follow lets readers ask at the newest checkpoint.
func (c *client) follow(ctx context.Context, r *reads) error {
	for ctx.Err() == nil {
		checkpoint, err := c.checkpoint(ctx)
		if err != nil {
			return err
		}
		r.length.Store(checkpoint.Contents.LogLength)
		time.Sleep(followEach)
	}
	return nil
}

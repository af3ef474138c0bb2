package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

const (
	speedPublishers = 16
	closedTime      = 10 * time.Second // of the closed loop
	openPackages    = 1000             // of the open one: two records each
)

// measure publishes in a closed loop (each publisher waits until a record is published
// before it posts the next) and in an open one (nobody waits), and logs how many records
// a second were published. It checks nothing but that they were. It returns all records.
func (b *beside) measure(t *testing.T) []*signedRecord {
	t.Helper()
	m := b.members[0]
	content := module("speed of " + b.pair.name)
	first := newAuthor(t, "example:speed")
	records := []*signedRecord{first.begin(), first.release(content)}
	m.mustSend(t, records...)
	if status, answer := m.upload(t, records[1], content); status != http.StatusCreated {
		t.Fatalf("uploading: status %d: %s", status, answer)
	}
	m.waitPublished(t, records...) // whoever releases it now need not upload it

	closed, took := m.publishClosed(t, content)
	closedRate := float64(len(closed)) / took.Seconds()
	open, took := m.publishOpen(t, content, func(all int) {
		b.waitIntegrated(t, len(records)+len(closed)+all+2, 3*time.Minute) // 2: published before
	})
	t.Logf("%s: closed loop of %d %.0f records/s, open %.0f records/s, on %d processors",
		b.pair.name, speedPublishers, closedRate, float64(len(open))/took.Seconds(), runtime.NumCPU())
	return append(append(records, closed...), open...)
}

func (s *server) publishClosed(t *testing.T, content []byte) (records []*signedRecord, took time.Duration) {
	t.Helper()
	var mu sync.Mutex // guards records
	publishers, ctx := errgroup.WithContext(t.Context())
	begin := time.Now()
	for i := range speedPublishers {
		a := newAuthor(t, fmt.Sprintf("example:closed%d", i))
		publishers.Go(func() error {
			for r := a.begin(); time.Since(begin) < closedTime; r = a.release(content) {
				if err := errors.Join(s.postOnce(ctx, r), s.awaitPublished(ctx, r)); err != nil {
					return err
				}
				mu.Lock()
				records = append(records, r)
				mu.Unlock()
			}
			return nil
		})
	}
	must(t, publishers.Wait())
	return records, time.Since(begin)
}

func (s *server) publishOpen(t *testing.T, content []byte, wait func(records int)) (records []*signedRecord, took time.Duration) {
	t.Helper()
	for i := range openPackages {
		a := newAuthor(t, fmt.Sprintf("example:open%d", i))
		records = append(records, a.begin(), a.release(content))
	}
	publishers, ctx := errgroup.WithContext(t.Context())
	publishers.SetLimit(speedPublishers)
	begin := time.Now()
	for i := 0; i < len(records); i += 2 {
		publishers.Go(func() error {
			return errors.Join(s.postOnce(ctx, records[i]), s.postOnce(ctx, records[i+1]))
		})
	}
	must(t, publishers.Wait())
	wait(len(records))
	return records, time.Since(begin)
}

// postOnce posts a record that is complete, and that must be accepted.
func (s *server) postOnce(ctx context.Context, r *signedRecord) error {
	status, answer, err := insist(ctx, http.MethodPost, s.url+"/"+api.PublishRecordPath(r.pkg.LogID()), "application/json", r.body)
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("posting record %s of %s: status %d: %s", r.id, r.pkg, status, answer)
	}
	return err
}

// awaitPublished is [server.waitPublished] for any goroutine.
func (s *server) awaitPublished(ctx context.Context, r *signedRecord) error {
	for {
		status, answer, err := request(ctx, http.MethodGet, s.url+r.path(), "", nil)
		var record api.PackageRecord
		if err = errors.Join(err, record.UnmarshalJSON(answer)); err != nil || status != http.StatusOK {
			return fmt.Errorf("record %s of %s: status %d: %s, %w", r.id, r.pkg, status, answer, err)
		}
		switch record.State {
		case api.StatePublished:
			return nil
		case api.StateProcessing:
			time.Sleep(retryDelay)
		default:
			return fmt.Errorf("record %s of %s is %s: %s", r.id, r.pkg, record.State, record.Reason)
		}
	}
}

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	loadAuthors     = 6
	recordsPerLog   = 25 // then the author begins another package
	uploadsTogether = 3  // contents that an author holds back and uploads in any order
)

// load is what several authors do to a server that may go down at any time.
// Whatever is not answered they send again; what was answered, never.
type load struct {
	t      *testing.T
	url    string        // of the server that is watched
	insist insistFunc    // makes requests
	name   string        // begins the names of all packages
	stop   chan struct{} // closed: finish what was begun
	shared []byte        // a content that all use

	mu          sync.Mutex
	records     []*signedRecord                // guarded by mu; acknowledged and complete
	checkpoints map[uint64]protocol.Checkpoint // guarded by mu; seen, by length
	faults      []error                        // guarded by mu
}

// insistFunc makes a request to a path again and again until it is answered.
type insistFunc func(ctx context.Context, method, path, contentType string, body []byte) (status int, answer []byte, err error)

func newLoad(t *testing.T, s *server) *load {
	insistOn := func(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
		return insist(ctx, method, s.url+path, contentType, body)
	}
	return &load{
		t: t, url: s.url, insist: insistOn, name: "load", stop: make(chan struct{}), shared: module("shared"),
		checkpoints: map[uint64]protocol.Checkpoint{},
	}
}

func (l *load) fault(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, err)
}

func (l *load) stopping() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// run lets all authors work until stop is closed and everything that was begun
// is acknowledged.
func (l *load) run(ctx context.Context) {
	var authors sync.WaitGroup
	for i := range loadAuthors {
		authors.Go(func() {
			for n := 0; !l.stopping(); n++ {
				a := newAuthor(l.t, fmt.Sprintf("example:%s-author%d-package%d", l.name, i, n))
				if err := l.writeLog(ctx, a); err != nil {
					l.fault(fmt.Errorf("package %s: %w", a.pkg, err))
					return
				}
			}
		})
	}
	authors.Wait()
}

// writeLog posts one package's records as a chain, without waiting for them to
// be published.
func (l *load) writeLog(ctx context.Context, a *author) error {
	var waiting []*signedRecord
	if err := l.post(ctx, a.begin(), &waiting); err != nil {
		return err
	}
	for a.records < recordsPerLog && !l.stopping() {
		content := l.shared
		if rand.IntN(2) == 0 {
			content = module(fmt.Sprintf("%s %d", a.pkg, a.records))
		}
		if err := l.post(ctx, a.release(content), &waiting); err != nil {
			return err
		}
		if len(waiting) >= uploadsTogether {
			if err := l.upload(ctx, &waiting); err != nil {
				return err
			}
		}
	}
	return l.upload(ctx, &waiting)
}

// post posts a record until it is acknowledged, and adds it to waiting if its
// content is missing.
func (l *load) post(ctx context.Context, r *signedRecord, waiting *[]*signedRecord) error {
	path := "/" + api.PublishRecordPath(r.pkg.LogID())
	status, body, err := l.insist(ctx, http.MethodPost, path, "application/json", r.body)
	if err != nil {
		return err
	}
	if status != http.StatusAccepted {
		return fmt.Errorf("posting record %s: status %d: %s", r.id, status, body)
	}
	var answer api.PackageRecord
	if err := answer.UnmarshalJSON(body); err != nil {
		return err
	}
	switch answer.State {
	case api.StateSourcing:
		*waiting = append(*waiting, r)
	case api.StateProcessing, api.StatePublished:
		l.complete(r)
	default:
		return fmt.Errorf("record %s is %s: %s", r.id, answer.State, answer.Reason)
	}
	return nil
}

// upload uploads what is missing, in any order.
func (l *load) upload(ctx context.Context, waiting *[]*signedRecord) error {
	rand.Shuffle(len(*waiting), func(i, j int) { (*waiting)[i], (*waiting)[j] = (*waiting)[j], (*waiting)[i] })
	for _, r := range *waiting {
		status, body, err := l.insist(ctx, http.MethodPost, r.uploadPath(), "", r.content)
		if err != nil {
			return err
		}
		// 405: another upload of the same content arrived, perhaps this one
		// before its answer was lost.
		if status != http.StatusCreated && status != http.StatusMethodNotAllowed {
			return fmt.Errorf("uploading the content of %s: status %d: %s", r.id, status, body)
		}
		l.complete(r)
	}
	*waiting = nil
	return nil
}

func (l *load) complete(r *signedRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r)
}

// watch fetches checkpoints until ctx ends: their signatures hold, lengths never
// go back, and there are no two of one length with different roots.
func (l *load) watch(ctx context.Context, key protocol.PublicKey) {
	var last uint64
	for ctx.Err() == nil {
		time.Sleep(2 * time.Millisecond)
		status, body, err := request(ctx, http.MethodGet, l.url+"/"+api.FetchCheckpointPath, "", nil)
		if err != nil {
			continue // the server is down
		}
		var signed protocol.SignedCheckpoint
		err = json.Unmarshal(body, &signed)
		if status != http.StatusOK || err != nil {
			l.fault(fmt.Errorf("fetching a checkpoint: status %d, %w in %s", status, err, body))
			return
		}
		if err := errors.Join(signed.Verify(key), l.see(signed.Contents.Checkpoint, last)); err != nil {
			l.fault(fmt.Errorf("checkpoint %s: %w", body, err))
			return
		}
		last = signed.Contents.LogLength
	}
}

func (l *load) see(checkpoint protocol.Checkpoint, last uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if checkpoint.LogLength < last {
		return fmt.Errorf("it comes after one of length %d", last)
	}
	if before, ok := l.checkpoints[checkpoint.LogLength]; ok && before != checkpoint {
		return fmt.Errorf("there was one of this length with other roots, %+v", before)
	}
	l.checkpoints[checkpoint.LogLength] = checkpoint
	return nil
}

// seen returns the checkpoints that were seen, by length.
func (l *load) seen() (all []protocol.Checkpoint) {
	for _, c := range l.checkpoints {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b protocol.Checkpoint) int { return int(a.LogLength) - int(b.LogLength) })
	return all
}

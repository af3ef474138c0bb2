package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// How long the answer of a write that was tried is taken for the present one,
	// so that those who ask often do not write often. A failure is doubted sooner.
	writableFor   = 5 * time.Second
	unwritableFor = time.Second
	// probeBytes is how much is written. It goes to the binary log and to replicas,
	// too, so it is little.
	probeBytes = 1 << 10
	probeName  = "write probe"
)

// writeProbe tries to write, now and then.
type writeProbe struct {
	// present returns why the file of the database is not the one that was opened;
	// nil where there is no file. What is written to a file that was removed is
	// lost, and SQLite does not notice.
	present func() error

	mu      sync.Mutex
	running chan struct{} // closed when the try that is under way ends; nil: none is; guarded by mu
	ended   time.Time     // when the last try ended; guarded by mu
	err     error         // of the last try; guarded by mu
}

// Writable returns nil if the database takes writes, and else why not (see
// [Unavailable]). It commits a small row, unless another call did within the last
// seconds; one such try is under way at a time, however many ask and however long
// it takes. A ctx that ends before the answer is there is a database that does not
// answer.
func (db *DB) Writable(ctx context.Context) error {
	running, err := db.probe.begin(time.Now(), db.probeWrite)
	if running == nil {
		return err
	}
	select {
	case <-running:
		db.probe.mu.Lock()
		defer db.probe.mu.Unlock()
		return db.probe.err
	case <-ctx.Done():
		return fmt.Errorf("a write has not ended: %w", ctx.Err())
	}
}

// begin returns the last answer while that is new, or else a channel that is
// closed when the next one is there.
func (p *writeProbe) begin(now time.Time, try func() error) (running <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	valid := writableFor
	if p.err != nil {
		valid = unwritableFor
	}
	if p.running == nil && !p.ended.IsZero() && now.Sub(p.ended) < valid {
		return nil, p.err
	}
	if p.running == nil {
		done := make(chan struct{})
		p.running = done
		go func() {
			err := try()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.err, p.ended, p.running = err, time.Now(), nil
			close(done)
		}()
	}
	return p.running, nil
}

// probeWrite changes a row that nothing else uses. It writes other bytes each
// time: a database need not write what does not change.
func (db *DB) probeWrite() error {
	db.risks.look()
	value := make([]byte, probeBytes)
	rand.Read(value)
	return db.Update(context.Background(), func(tx *Tx) error {
		r, err := tx.exec(`UPDATE meta SET value = ? WHERE name = ?`, value, probeName)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return err
		}
		if n > 0 {
			return nil
		}
		if _, err := tx.Meta(probeName); !errors.Is(err, ErrNotFound) {
			return err
		}
		return tx.SetMeta(probeName, value)
	})
}

// present fails if what a transaction writes would go to a file that is not the
// database's any more.
func (db *DB) present(p pool) error {
	if p.reads() || db.probe.present == nil {
		return nil
	}
	return db.probe.present()
}

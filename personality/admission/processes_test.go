package admission

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Content comes, is refused, or does not come in time, for one record in two
// processes at the same time: the second waits for the first, and sees what that
// has made of the record.
func TestOneRecordInTwoProcesses(t *testing.T) {
	server := mariadb.Start(t)
	dsn := server.Database(t)
	open := func() *Admission {
		db, err := store.OpenMySQL(context.Background(), dsn, store.MySQLOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return New(Options{Store: db, Contents: nothing{}, Now: time.Now, Logger: slog.New(slog.DiscardHandler), UploadTimeout: time.Hour})
	}
	one, two := open(), open()
	ends := map[string]func(l *openLog, record int64) error{
		"comes": func(l *openLog, record int64) error { return l.contentArrived(record, protocol.HashOf([]byte("a"))) },
		"is refused": func(l *openLog, record int64) error {
			if w := l.findKey(record); w != nil {
				l.reject(w, "is refused")
			}
			return nil
		},
		"is late": func(l *openLog, record int64) error {
			if w := l.findKey(record); w != nil && w.change.Missing > 0 {
				l.reject(w, "is late")
			}
			return nil
		},
	}
	for first, doFirst := range ends {
		for second, doSecond := range ends {
			t.Run(first+", "+second, func(t *testing.T) {
				c := newChain(t, "example:"+map[string]string{"comes": "c", "is refused": "r", "is late": "l"}[first]+map[string]string{"comes": "c", "is refused": "r", "is late": "l"}[second])
				waits := c.submit(c.init(), releaseOf("1.0.0", "a"))
				behind := c.submit(c.grant())
				commit(t, one, waits, behind)
				record := one.keyOf(t, waits.submission)
				locked, done := make(chan struct{}), make(chan error, 1)
				var once sync.Once // a transaction may be run again
				go func() {
					done <- one.commit([]*task{{ctx: context.Background(), logID: waits.logID, run: func(l *openLog) error {
						if err := doFirst(l, record); err != nil {
							return err
						}
						once.Do(func() { close(locked); server.AwaitLockWait(t) })
						return nil
					}}})
				}()
				<-locked
				commit(t, two, &task{ctx: context.Background(), logID: waits.logID, run: func(l *openLog) error { return doSecond(l, record) }})
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if first == "comes" {
					two.expect(t, "the record", waits.submission, registry.Processing, "")
					two.expect(t, "behind it", behind.submission, registry.Processing, "")
					return
				}
				two.expect(t, "the record", waits.submission, registry.Rejected, first)
				two.expect(t, "behind it", behind.submission, registry.Rejected, first)
			})
		}
	}
}

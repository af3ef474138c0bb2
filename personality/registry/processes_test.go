package registry_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// newProcesses returns registries that share a database on MariaDB, a Trillian
// and a content folder, as processes do, and that run.
func newProcesses(t *testing.T, count int) []*setup {
	server := mariadb.Start(t)
	dsn := server.Database(t)
	first := &setup{t: t, dir: t.TempDir(), key: newKey(t)}
	first.open()
	first.must(first.options.Store.Close()) // SQLite's
	all := make([]*setup, count)
	for i := range all {
		db, err := store.OpenMySQL(context.Background(), dsn, store.MySQLOptions{})
		first.must(err)
		process := *first
		process.options.Store = db
		process.Registry = registry.New(process.options)
		all[i] = &process
	}
	t.Cleanup(func() {
		for _, p := range all {
			p.stopRunning()
		}
		for _, p := range all {
			first.must(p.options.Store.Close())
		}
		first.must(first.service.Close())
	})
	each(all, func(p *setup) {
		if err := p.InitOperatorLog(context.Background(), registry.Namespaces{Defined: []string{"example"}}); err != nil {
			t.Error(err)
		}
	})
	for _, p := range all {
		p.run()
	}
	return all
}

func each(all []*setup, f func(*setup)) {
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() { f(p) })
	}
	wg.Wait()
}

// One process publishes while all accept: no record is left for another to make
// ready.
func TestProcessesAcceptWhileOnePublishes(t *testing.T) {
	const packages, records = 8, 25
	all := newProcesses(t, 3)
	var wg sync.WaitGroup
	for n := range packages {
		wg.Go(func() {
			a := all[0].author(fmt.Sprintf("example:p%d", n))
			last, err := a.try(a.sign(a.key, initEntry(a.key)))
			for i := 0; i < records && err == nil; i++ {
				a.s = all[(n+i)%len(all)]
				if last, err = a.try(a.sign(a.key, release(fmt.Sprintf("1.0.%d", i), "shared"))); err == nil && last.State == registry.Sourcing {
					err = a.upload(last.RecordID, "shared")
				}
			}
			if err != nil {
				t.Errorf("%s: %v", a.name, err)
				return
			}
			if got := a.wait(last.RecordID); got.State != registry.Published {
				t.Errorf("%s: its last record is %+v", a.name, got)
			}
		})
	}
	wg.Wait()
	for _, p := range all {
		p.checkPublished()
	}
}

// Two contents of one record arrive at two processes at once: one of them sees
// that it was the last.
func TestContentsArriveTogether(t *testing.T) {
	all := newProcesses(t, 2)
	a := all[0].author("example:one")
	a.post(initEntry(a.key))
	for i := range 30 {
		texts := []string{fmt.Sprint("x", i), fmt.Sprint("y", i)}
		record := a.post(release(fmt.Sprintf("1.0.%d", i), texts[0]), release(fmt.Sprintf("2.0.%d", i), texts[1]))
		var wg sync.WaitGroup
		for n, p := range all {
			wg.Go(func() {
				at := *a
				at.s = p
				if err := at.upload(record.RecordID, texts[n]); err != nil {
					t.Errorf("upload %s: %v", texts[n], err)
				}
			})
		}
		wg.Wait()
		if got := a.wait(record.RecordID); got.State != registry.Published {
			t.Fatalf("record %d: %+v", i, got)
		}
	}
}

// A record is accepted while a content that it waits for arrives elsewhere: it
// has the content, or asks for it.
func TestContentArrivesWhileOthersAskForIt(t *testing.T) {
	all := newProcesses(t, 2)
	a, b := all[0].author("example:one"), all[1].author("example:two")
	a.post(initEntry(a.key))
	b.post(initEntry(b.key))
	for i := range 30 {
		text, version := fmt.Sprint("x", i), fmt.Sprintf("1.0.%d", i)
		first := a.post(release(version, text))
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := a.upload(first.RecordID, text); err != nil {
				t.Error(err)
			}
		})
		second := b.post(release(version, text))
		wg.Wait()
		if now := b.status(second.RecordID); now.State == registry.Sourcing {
			if len(now.Missing) != 1 {
				t.Fatalf("record %d waits and asks for nothing: %+v", i, now)
			}
			b.s.must(b.upload(second.RecordID, text))
		}
		for _, got := range []registry.RecordStatus{a.wait(first.RecordID), b.wait(second.RecordID)} {
			if got.State != registry.Published {
				t.Fatalf("record %d: %+v", i, got)
			}
		}
	}
}

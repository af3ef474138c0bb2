package publisher_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// newProcesses returns registries that share a database on MariaDB, a Trillian
// and a content folder, as processes do, and that run.
func newProcesses(t *testing.T, count int) []*registrytest.Setup {
	server := mariadb.Start(t)
	dsn := server.Database(t)
	first := &registrytest.Setup{T: t, Dir: t.TempDir(), Key: registrytest.NewKey(t)}
	first.Open()
	first.Must(first.Options.Store.Close()) // SQLite's
	all := make([]*registrytest.Setup, count)
	for i := range all {
		db, err := store.OpenMySQL(context.Background(), dsn, store.MySQLOptions{})
		first.Must(err)
		process := *first
		process.Options.Store = db
		process.Renew()
		all[i] = &process
	}
	t.Cleanup(func() {
		for _, p := range all {
			p.Stop()
		}
		for _, p := range all {
			first.Must(p.Options.Store.Close())
		}
		first.Must(first.Service.Close())
	})
	each(all, func(p *registrytest.Setup) {
		if err := p.InitOperatorLog(context.Background(), admission.Namespaces{Defined: []string{"example"}}); err != nil {
			t.Error(err)
		}
	})
	for _, p := range all {
		p.Start()
	}
	return all
}

func each(all []*registrytest.Setup, f func(*registrytest.Setup)) {
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
			a := all[0].Author(fmt.Sprintf("example:p%d", n))
			last, err := a.Try(a.Sign(a.Key, registrytest.Init(a.Key)))
			for i := 0; i < records && err == nil; i++ {
				a.S = all[(n+i)%len(all)]
				if last, err = a.Try(a.Sign(a.Key, registrytest.Release(fmt.Sprintf("1.0.%d", i), "shared"))); err == nil && last.State == registry.Sourcing {
					err = a.Upload(last.RecordID, "shared")
				}
			}
			if err != nil {
				t.Errorf("%s: %v", a.Name, err)
				return
			}
			if got := a.Wait(last.RecordID); got.State != registry.Published {
				t.Errorf("%s: its last record is %+v", a.Name, got)
			}
		})
	}
	wg.Wait()
	for _, p := range all {
		p.CheckPublished()
	}
}

// Two contents of one record arrive at two processes at once: one of them sees
// that it was the last.
func TestContentsArriveTogether(t *testing.T) {
	all := newProcesses(t, 2)
	a := all[0].Author("example:one")
	a.Post(registrytest.Init(a.Key))
	for i := range 30 {
		texts := []string{fmt.Sprint("x", i), fmt.Sprint("y", i)}
		record := a.Post(registrytest.Release(fmt.Sprintf("1.0.%d", i), texts[0]), registrytest.Release(fmt.Sprintf("2.0.%d", i), texts[1]))
		var wg sync.WaitGroup
		for n, p := range all {
			wg.Go(func() {
				at := *a
				at.S = p
				if err := at.Upload(record.RecordID, texts[n]); err != nil {
					t.Errorf("upload %s: %v", texts[n], err)
				}
			})
		}
		wg.Wait()
		if got := a.Wait(record.RecordID); got.State != registry.Published {
			t.Fatalf("record %d: %+v", i, got)
		}
	}
}

// A record is accepted while a content that it waits for arrives elsewhere: it
// has the content, or asks for it.
func TestContentArrivesWhileOthersAskForIt(t *testing.T) {
	all := newProcesses(t, 2)
	a, b := all[0].Author("example:one"), all[1].Author("example:two")
	a.Post(registrytest.Init(a.Key))
	b.Post(registrytest.Init(b.Key))
	for i := range 30 {
		text, version := fmt.Sprint("x", i), fmt.Sprintf("1.0.%d", i)
		first := a.Post(registrytest.Release(version, text))
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := a.Upload(first.RecordID, text); err != nil {
				t.Error(err)
			}
		})
		second := b.Post(registrytest.Release(version, text))
		wg.Wait()
		if now := b.Status(second.RecordID); now.State == registry.Sourcing {
			if len(now.Missing) != 1 {
				t.Fatalf("record %d waits and asks for nothing: %+v", i, now)
			}
			b.S.Must(b.Upload(second.RecordID, text))
		}
		for _, got := range []registry.RecordStatus{a.Wait(first.RecordID), b.Wait(second.RecordID)} {
			if got.State != registry.Published {
				t.Fatalf("record %d: %+v", i, got)
			}
		}
	}
}

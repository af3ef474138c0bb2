package admission

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// How many contents a process fetches at a time, for all and for one client.
const (
	fetchesAtOnce   = 8
	fetchesOfClient = 2
)

const (
	// fetchLease is how long a process has a fetch that it is silent about, and
	// fetchKeep how often it says that it still works on it.
	fetchLease = 15 * time.Second
	fetchKeep  = 4 * time.Second
	fetchEach  = time.Second // look for what another process was asked to fetch
)

// notFetched is told of contents that were to be fetched when the operator turned that
// off.
const notFetched = "this registry fetches no content from elsewhere any more"

// fetching is what a process fetches.
type fetching struct {
	a    *Admission
	work sync.WaitGroup

	mu    sync.Mutex
	under map[store.WaitingClient]int // guarded by mu; how many of each client
	all   int                         // guarded by mu
}

// fetchContents fetches what is to be fetched, until ctx ends.
func (a *Admission) fetchContents(ctx context.Context) {
	f := &fetching{a: a, under: map[store.WaitingClient]int{}}
	defer f.work.Wait()
	if a.options.Fetcher == nil {
		a.repeat(ctx, "noting what is not fetched", nil, func(ctx context.Context) (time.Duration, error) {
			return endEach, a.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.FailFetches(a.options.Now(), notFetched) })
		})
		return
	}
	a.repeat(ctx, "fetching contents", a.toFetch, f.step)
}

// step begins a fetch, if there is one.
func (f *fetching) step(ctx context.Context) (time.Duration, error) {
	busy, full := f.busy()
	if full {
		return fetchEach, nil
	}
	next, err := f.a.takeFetch(ctx, busy)
	if err != nil || next.Record == 0 {
		return fetchEach, err
	}
	f.count(next.Client, 1)
	f.work.Go(func() {
		defer wake.Nudge(f.a.toFetch)
		defer f.count(next.Client, -1)
		f.a.fetch(ctx, next)
	})
	return 0, nil
}

// busy returns the clients for whom no more is to be fetched now, and whether that is
// all.
func (f *fetching) busy() (clients []store.WaitingClient, full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for client, n := range f.under {
		if n >= fetchesOfClient {
			clients = append(clients, client)
		}
	}
	return clients, f.all >= fetchesAtOnce
}

func (f *fetching) count(client store.WaitingClient, more int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all += more
	if f.under[client] += more; f.under[client] == 0 {
		delete(f.under, client)
	}
}

// takeFetch takes the next fetch for this process; one with no record if there is none.
func (a *Admission) takeFetch(ctx context.Context, busy []store.WaitingClient) (f store.Fetch, err error) {
	now := a.options.Now()
	err = a.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		f, err = tx.NextFetch(now, busy)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return store.Fetch{}, nil
	}
	if err != nil {
		return f, err
	}
	f.Tries++
	taken := false
	err = a.options.Store.Update(ctx, func(tx *store.Tx) (err error) {
		if f.Tries > maxFetchTries {
			return tx.FailFetch(f, "the registry began to fetch it several times and did not come to an end")
		}
		taken, err = tx.TakeFetch(f, now, now.Add(fetchLease))
		return err
	})
	if !taken {
		f = store.Fetch{} // another process has it
	}
	return f, err
}

// keepFetch says that this process works on a fetch, until stopped.
func (a *Admission) keepFetch(ctx context.Context, f store.Fetch) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() {
		for wake.Sleep(ctx, fetchKeep, nil); ctx.Err() == nil; wake.Sleep(ctx, fetchKeep, nil) {
			err := a.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.KeepFetch(f, a.options.Now().Add(fetchLease)) })
			if err != nil && ctx.Err() == nil {
				a.options.Logger.Warn("another process may fetch a content, too", "digest", f.Digest, "error", err)
			}
		}
	})
	return func() { cancel(); work.Wait() }
}

// forgetFetches forgets what is not to be fetched any more.
func (a *Admission) forgetFetches(ctx context.Context) (time.Duration, error) {
	var forgotten int
	err := a.options.Store.Update(ctx, func(tx *store.Tx) (err error) {
		forgotten, err = tx.ForgetFetches(endedAtOnce)
		return err
	})
	if forgotten == endedAtOnce {
		return 0, err
	}
	return endEach, err
}

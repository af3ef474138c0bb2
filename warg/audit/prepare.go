package audit

import (
	"context"
	"runtime"
	"sync"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// prepared is a record with all that can be said of it without those before it.
type prepared struct {
	entry    []byte
	leaf     protocol.LogLeaf
	badEntry bool // the entry is no leaf of the protocol
	named    tlog.NamedEnvelope
	unfit    bool // name and envelope are not those of the leaf
	envelope protocol.Envelope
	record   *protocol.SignedPackageRecord // of a package; nil if it can not be decoded
}

// prepare decodes the records of a batch and checks their signatures ahead, on all
// processors. The replay itself then finds the signatures checked.
func (r *round) prepare(ctx context.Context, b batch) []prepared {
	all := make([]prepared, len(b.entries))
	inParallel(len(all), func(i int) {
		all[i] = prepareOne(b.entries[i], b.envelopes[i])
	})
	keys := r.likelyKeys(ctx, all)
	inParallel(len(all), func(i int) {
		if all[i].record != nil && !keys[i].IsZero() {
			_ = all[i].record.VerifySignature(keys[i]) // the verdict is remembered
		}
	})
	return all
}

func prepareOne(entry []byte, named tlog.NamedEnvelope) (p prepared) {
	p.entry, p.named = entry, named
	var err error
	if p.leaf, err = protocol.ParseLogLeaf(entry); err != nil {
		p.badEntry = true
		return p
	}
	if p.envelope, err = tlog.CheckEnvelope(p.leaf, named); err != nil {
		p.unfit = true
		return p
	}
	if named.Name != "" {
		if record, err := protocol.ParsePackageEnvelope(p.envelope); err == nil {
			p.record = record
		}
	}
	return p
}

// likelyKeys are the keys that the records are most likely signed with. It is only to
// save time: whether the keys are the right ones the rules of the log say.
func (r *round) likelyKeys(ctx context.Context, all []prepared) []protocol.PublicKey {
	type signer struct {
		log protocol.Hash
		id  protocol.KeyID
	}
	here := map[signer]protocol.PublicKey{} // made known by records of this batch
	keys := make([]protocol.PublicKey, len(all))
	for i := range all {
		p := &all[i]
		if p.record == nil {
			continue
		}
		for _, e := range p.record.Record.Entries {
			if e.Type == protocol.EntryInit || e.Type == protocol.EntryGrantFlat {
				here[signer{p.leaf.LogID, e.Key.ID()}] = e.Key
			}
		}
		if key, ok := here[signer{p.leaf.LogID, p.envelope.KeyID}]; ok {
			keys[i] = key
			continue
		}
		state, err := r.packageState(ctx, p.leaf.LogID)
		if err != nil || state.State == nil {
			continue
		}
		if key, ok, err := protocol.StateKey(state.State, p.envelope.KeyID); err == nil && ok {
			keys[i] = key
			here[signer{p.leaf.LogID, p.envelope.KeyID}] = key
		}
	}
	return keys
}

// inParallel calls f with 0 to n-1 on all processors, and returns when all are done.
func inParallel(n int, f func(i int)) {
	const chunk = 16
	workers := min(runtime.GOMAXPROCS(0), 8, (n+chunk-1)/chunk)
	var wait sync.WaitGroup
	next := make(chan int, n/chunk+1)
	for i := 0; i < n; i += chunk {
		next <- i
	}
	close(next)
	for range workers {
		wait.Go(func() {
			for first := range next {
				for i := first; i < min(first+chunk, n); i++ {
					f(i)
				}
			}
		})
	}
	wait.Wait()
}

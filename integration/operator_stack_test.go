package integration

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goclient "github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const rotationTimeout = 4 * time.Minute // of a load while the key is replaced; far more than it takes

// The key is replaced in a registry of two processes while authors publish through both.
// Each checkpoint is signed by the key that the operator log permits as of it, there is no
// moment at which a process says that it can not sign, and no record is lost.
func TestStackRotationUnderLoad(t *testing.T) {
	c := startCluster(t, 2)
	old, oldFile := c.key, filepath.Join(t.TempDir(), "old.key")
	must(t, os.WriteFile(oldFile, []byte(old.Text()+"\n"), 0o600))
	l := newClusterLoad(t, c, "rotation")
	ctx, cancel := context.WithTimeout(t.Context(), rotationTimeout)
	defer cancel()
	watchCtx, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	var o observation
	var watchers, authors sync.WaitGroup
	watchers.Go(func() { o.measurePause(watchCtx) })
	for _, m := range c.members {
		watchers.Go(func() { l.watchVerified(watchCtx, m.url, old.Public(), &o) })
		watchers.Go(func() { l.watchSigning(watchCtx, m.url) })
	}
	authors.Go(func() { l.run(ctx) })
	// more waits until so many records more are acknowledged and published.
	more := func() {
		t.Helper()
		n := l.acknowledged() + 100
		l.awaitAcknowledged(t, n, rotationTimeout)
		within(t, rotationTimeout, "what was acknowledged is published", func() bool { return o.newest.Load() >= uint64(n) })
	}

	more()
	fresh := addKey(t, c.keyFile)
	for _, m := range c.members {
		m.reload(t)
		more()
	}
	operated(t, c.members[0].server, "key", "grant", fresh.Public().String(), "--operator-key-file", oldFile)
	more()
	operated(t, c.members[1].server, "key", "revoke", string(old.Public().ID()), "--operator-key-file", c.keyFile)
	more()
	must(t, os.WriteFile(c.keyFile, []byte(fresh.Text()+"\n"), 0o600))
	for _, m := range c.members {
		m.reload(t)
		more()
	}
	close(l.stop)
	authors.Wait()
	c.waitIntegrated(t, l.acknowledged()+2, recovery) // with both records of the operator
	stopWatching()
	watchers.Wait()
	for _, err := range l.faults {
		t.Error(err)
	}
	c.key = fresh
	changed := auditRotation(t, c, l, old, fresh)
	t.Logf("%d records, %d checkpoints seen; of those stored, %d by the old key and %d by the new one; longest time without a longer checkpoint %v",
		l.acknowledged(), len(l.checkpoints), changed[0], changed[1], time.Duration(o.pause.Load()).Round(time.Millisecond))
}

// watchVerified reads the checkpoints of a process, as a client of ours does that
// knows no more than the first key: it verifies the operator log by which they are signed.
func (l *load) watchVerified(ctx context.Context, url string, first protocol.PublicKey, o *observation) {
	client, err := goclient.New(url, goclient.Options{OperatorKey: first})
	if err != nil {
		l.fault(err)
		return
	}
	var last uint64
	for ; ctx.Err() == nil; time.Sleep(watchEach) {
		signed, err := client.Checkpoint(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = l.see(signed.Contents.Checkpoint, last)
		}
		if err != nil {
			l.fault(fmt.Errorf("the checkpoint of %s: %w", url, err))
			return
		}
		last = signed.Contents.LogLength
		o.see(last)
	}
}

// watchSigning demands that a process never says that its keys may not sign.
func (l *load) watchSigning(ctx context.Context, url string) {
	for ; ctx.Err() == nil; time.Sleep(watchEach) {
		status, body, err := requestWithin(ctx, patience, http.MethodGet, url+"/readyz", "", nil)
		if err == nil && strings.Contains(string(body), "may not sign") {
			l.fault(fmt.Errorf("%s/readyz: status %d: %s", url, status, body))
			return
		}
	}
}

// auditRotation checks which key signed each checkpoint that is stored, and that the roots
// are those of the leaves; it returns how many each key signed.
func auditRotation(t *testing.T, c *cluster, l *load, old, fresh protocol.PrivateKey) (signed [2]int) {
	t.Helper()
	records := operatorLogOf(t, c.members[0].server)
	index := func(kind protocol.EntryType) uint64 {
		i := slices.IndexFunc(records, func(r goclient.LoggedOperatorRecord) bool { return r.Record.Entries[0].Type == kind })
		if i < 0 {
			t.Fatalf("the operator log has no entry of type %v", kind)
		}
		return records[i].Index
	}
	granted, revoked := index(protocol.EntryGrantFlat), index(protocol.EntryRevokeFlat)
	a := new(auditor)
	stored := a.signedSince(t, c)
	var between, after bool
	for _, s := range stored {
		key, length := old, s.Signed.Contents.LogLength
		if length > granted {
			key = fresh
		}
		if err := s.Signed.Verify(key.Public()); err != nil {
			t.Errorf("the checkpoint of %d records (granted at %d, revoked at %d): %v", length, granted, revoked, err)
		}
		between = between || length > granted && length <= revoked
		after = after || length > revoked
		if key == old {
			signed[0]++
		} else {
			signed[1]++
		}
	}
	if !between || !after {
		t.Errorf("checkpoints between grant and revocation: %v, after it: %v", between, after)
	}
	final := stored[len(stored)-1].Signed.Contents.LogLength
	leaves := c.members[0].leaves(t, final)
	auditStates(t, c, l.records, auditLeaves(t, l.records, leaves))
	auditRoots(t, stored, leaves)
	return signed
}

// Two processes of a registry have each a key of its own. Both are permitted: whoever leads
// signs with the one that it has. When one of the keys is revoked, its process leaves
// signing to the other one, says so, and does not start again.
func TestStackDisjointKeys(t *testing.T) {
	c := startCluster(t, 2)
	one, two := c.members[0], c.members[1]
	secondFile := filepath.Join(t.TempDir(), "second.key")
	must(t, os.WriteFile(secondFile, nil, 0o600))
	second := addKey(t, secondFile)
	length := one.logLength(t)
	expectNoStart(t, c, second, secondFile)
	if got := one.logLength(t); got != length {
		t.Errorf("a process with another key changed the log from %d to %d records", length, got)
	}

	operated(t, one.server, "key", "grant", second.Public().String(), "--operator-key-file", c.keyFile)
	two.stop(t)
	two.flags[slices.Index(two.flags, "--operator-key-file")+1] = secondFile
	two.start(t)
	c.awaitReady(t, recovery)
	ours, err := goclient.New(one.url, goclient.Options{OperatorKey: c.key.Public()})
	must(t, err)
	author := newAuthor(t, "example:disjoint")
	two.mustSend(t, author.begin())
	publish := func(m *member, what string) {
		t.Helper()
		r := author.release(module(what))
		m.mustSend(t, r)
		m.upload(t, r, r.content)
		m.waitPublished(t, r)
	}
	publish(one, "at one")
	publish(two, "at two")
	for _, leads := range []*member{two, one} {
		other := c.members[0]
		if leads == other {
			other = c.members[1]
		}
		other.stop(t)
		publish(leads, "led by "+leads.url)
		other.start(t)
		c.awaitReady(t, recovery)
		key := c.key.Public().ID()
		if leads == two {
			key = second.Public().ID()
		}
		if signer(t, ours) != key {
			t.Errorf("the checkpoint that %s signed is not by the key that it has, %s", leads.url, key)
		}
	}

	// The process asked refuses to lose its key; the other one sees to it.
	revoke := []string{"key", "revoke", string(second.Public().ID()), "--operator-key-file", c.keyFile}
	if said, status := operate(t, two.server, revoke...); status != 1 || !strings.Contains(said, "could not sign checkpoints any more") {
		t.Errorf("the only key of a process is revoked by way of it: status %d: %s", status, said)
	}
	operated(t, one.server, revoke...)
	publish(two, "after the revocation") // it accepts, and the other one publishes
	within(t, recovery, "the process without a permitted key says so", func() bool {
		_, said := two.ask(t, http.MethodGet, "/readyz", nil)
		return strings.Contains(string(said), "may not sign") && strings.Contains(string(said), string(second.Public().ID()))
	})
	if log := two.stderr.String(); !strings.Contains(log, "no operator key of this process may sign any more") || strings.Contains(one.stderr.String(), "may sign any more") {
		t.Errorf("the logs do not say which process has no key: %s", log)
	}
	if leader, _ := c.leader(t); leader != one {
		t.Error("the process without a permitted key leads")
	}
	two.stop(t)
	expectNoStart(t, c, second, secondFile)
	publish(one, "at last")
	if signer(t, ours) != c.key.Public().ID() {
		t.Error("a revoked key signs")
	}
}

// Two holders of commit revoke each other's key at the same time, each by way of another
// process: one of them is first, and the other one is nobody any more. The registry goes on.
func TestStackRevokedByEachOther(t *testing.T) {
	c := startCluster(t, 2)
	author := newAuthor(t, "example:revoked")
	c.members[0].mustSend(t, author.begin())
	have := c.key
	for round := range 3 {
		rival := addKey(t, c.keyFile)
		files := [2]string{filepath.Join(t.TempDir(), "a.key"), filepath.Join(t.TempDir(), "b.key")}
		keys := [2]protocol.PrivateKey{have, rival}
		for i, key := range keys {
			must(t, os.WriteFile(files[i], []byte(key.Text()+"\n"), 0o600))
			c.members[i].reload(t)
		}
		operated(t, c.members[0].server, "key", "grant", rival.Public().String(), "--operator-key-file", files[0])
		var status [2]int
		var said [2]string
		var both sync.WaitGroup
		for i := range keys {
			both.Go(func() {
				said[i], status[i] = operate(t, c.members[i].server, "key", "revoke", string(keys[1-i].Public().ID()), "--operator-key-file", files[i])
			})
		}
		both.Wait()
		first := slices.Index(status[:], 0)
		if first < 0 || status[1-first] != 1 || !strings.Contains(said[1-first], "takes a key with the permissions") {
			t.Fatalf("round %d: statuses %v, want 0 and 1; they say\n%s\n%s", round, status, said[0], said[1])
		}
		have = keys[first]
		r := author.release(module(fmt.Sprint(round)))
		c.members[round%2].mustSend(t, r)
		c.members[round%2].upload(t, r, r.content)
		c.members[round%2].waitPublished(t, r)
		stored := new(auditor).signedSince(t, c)
		if newest := stored[len(stored)-1].Signed; newest.KeyID != have.Public().ID() {
			t.Errorf("round %d: the newest checkpoint is signed by %s, want %s", round, newest.KeyID, have.Public().ID())
		}
	}
}

// expectNoStart demands that a process of the cluster's registry with other operator keys
// ends at its start, and says which keys it has.
func expectNoStart(t *testing.T, c *cluster, key protocol.PrivateKey, keyFile string) {
	t.Helper()
	said, status := personalityCommand(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir(), "--namespace", "example",
		"--operator-key-file", keyFile, "--content-dir", c.contentDir, "--records-note-key-file", c.noteKeyFile("records"),
		"--checkpoints-note-key-file", c.noteKeyFile("checkpoints"), "--database-url", c.registryDSN, "--trillian", c.logServer.RPC)
	want := fmt.Sprintf("operator key %s may not sign checkpoints of the registry in this database", key.Public().ID())
	if status != 1 || !strings.Contains(said, want) || strings.Contains(said, "listening on") {
		t.Errorf("with a key that may not sign: status %d, want 1 and %q: %s", status, want, said)
	}
}

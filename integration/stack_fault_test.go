package integration

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/trillian"
)

const (
	faultTimeout = 6 * time.Minute // of a load; far more than it takes
	recovery     = time.Minute     // from the end of a fault until all is published and ready; far more than it takes
)

// thorough is set by make test-faults: longer loads and more kills than there is time for in
// make test.
var thorough = os.Getenv("WARG_TEST_FAULTS") == "1"

// faultLoad is how many records the load around a fault has, and how many of them are
// acknowledged before it.
func faultLoad() (before, records int) {
	if thorough {
		return 500, 2000
	}
	return 150, 600
}

// TestStackFaults makes one part of the stack fail after the other, each under a
// load. Nothing is done for what is not killed itself.
func TestStackFaults(t *testing.T) {
	c := startCluster(t, 2)
	a := new(auditor)
	for _, fault := range []struct {
		name string
		fail func(*testing.T, *cluster)
	}{
		{"leader-killed", killLeader},
		{"all-personalities-killed", killPersonalities},
		{"log-server-killed", func(t *testing.T, c *cluster) { killTrillian(t, c.logServer) }},
		{"signer-killed", func(t *testing.T, c *cluster) { killTrillian(t, c.signer) }},
		{"database-killed", killDatabase},
		{"database-refuses", refuseDatabase},
		{"leader-trillian-hangs", hangLeadersTrillian},
		{"leader-database-hangs", hangLeadersDatabase},
		{"all-hangs", hangAll},
	} {
		if !t.Run(fault.name, func(t *testing.T) { underLoad(t, c, a, fault.name, fault.fail) }) {
			break
		}
	}
}

// underLoad makes something fail while authors publish, and audits everything
// when they have.
func underLoad(t *testing.T, c *cluster, a *auditor, name string, fail func(*testing.T, *cluster)) {
	before, records := faultLoad()
	underLoadOf(t, c, a, name, before, records, fail)
}

// underLoadOf is underLoad for so many records, before the fault and in all.
func underLoadOf(t *testing.T, c *cluster, a *auditor, name string, before, records int, fail func(*testing.T, *cluster)) {
	l := newClusterLoad(t, c, name)
	ctx, cancel := context.WithTimeout(t.Context(), faultTimeout)
	defer cancel()
	watchCtx, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	var o observation
	var watchers, authors sync.WaitGroup
	for _, m := range c.members {
		watchers.Go(func() { l.observe(watchCtx, m, c.key.Public(), &o) })
	}
	authors.Go(func() { l.run(ctx) })
	begin := time.Now()
	l.awaitAcknowledged(t, before, faultTimeout)
	pauseCtx, stopPause := context.WithCancel(watchCtx)
	watchers.Go(func() { o.measurePause(pauseCtx) })
	fail(t, c)
	failed := time.Now()
	l.awaitAcknowledged(t, records, faultTimeout)
	close(l.stop)
	stopPause()
	authors.Wait()
	loaded := time.Now()
	c.waitIntegrated(t, len(a.records)+len(l.records), recovery)
	c.awaitReady(t, recovery)
	published := time.Now()
	stopWatching()
	watchers.Wait()
	for _, err := range l.faults {
		t.Error(err)
	}
	a.audit(t, c, l)
	t.Logf("%d records, %d checkpoints seen; load %v, after the fault %v, till published %v, audit %v; longest pause without publishing %v",
		len(l.records), len(l.checkpoints), loaded.Sub(begin).Round(time.Millisecond), loaded.Sub(failed).Round(time.Millisecond),
		published.Sub(loaded).Round(time.Millisecond), time.Since(published).Round(time.Millisecond), time.Duration(o.pause.Load()).Round(time.Millisecond))
}

func killLeader(t *testing.T, c *cluster) {
	leader, other := c.leader(t)
	leader.kill(t)
	killed := time.Now()
	length := other.logLength(t) // reading goes on
	for other.logLength(t) == length || !other.leads(t) {
		if time.Since(killed) > takeover {
			t.Fatalf("the other personality does not publish %v after the leader's death", takeover)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("the other personality publishes %v after the leader's death", time.Since(killed).Round(time.Millisecond))
	leader.start(t)
}

func killPersonalities(t *testing.T, c *cluster) {
	for _, m := range c.members {
		m.kill(t)
	}
	for _, m := range c.members {
		m.start(t)
	}
}

func killTrillian(t *testing.T, p *trillian.Process) {
	must(t, p.Kill())
	time.Sleep(2 * time.Second)
	must(t, p.Start())
}

func killDatabase(t *testing.T, c *cluster) {
	must(t, c.database.Kill())
	time.Sleep(time.Second)
	must(t, c.database.Start())
}

func (c *cluster) toDatabase() []*trillian.Proxy {
	all := []*trillian.Proxy{c.fromTrillian}
	for _, m := range c.members {
		all = append(all, m.toDatabase)
	}
	return all
}

// refuseDatabase: nobody reaches the database for ten seconds.
func refuseDatabase(t *testing.T, c *cluster) {
	during(t, trillian.Refuse, 10*time.Second, c.toDatabase()...)
}

// during makes networks fail for some time.
func during(t *testing.T, mode trillian.Mode, d time.Duration, networks ...*trillian.Proxy) {
	t.Helper()
	for _, n := range networks {
		n.Switch(t, mode)
	}
	time.Sleep(d)
	for _, n := range networks {
		n.Switch(t, trillian.Forward)
	}
}

// hangLeadersTrillian: the leader's calls to Trillian hang; another leads, which
// has no such trouble.
func hangLeadersTrillian(t *testing.T, c *cluster) {
	leader, other := c.leader(t)
	hangUntilOtherLeads(t, leader.toTrillian, other)
}

func hangLeadersDatabase(t *testing.T, c *cluster) {
	leader, other := c.leader(t)
	hangUntilOtherLeads(t, leader.toDatabase, other)
}

func hangUntilOtherLeads(t *testing.T, network *trillian.Proxy, other *member) {
	t.Helper()
	begin := time.Now()
	network.Switch(t, trillian.Hang)
	defer network.Switch(t, trillian.Forward)
	for length := other.logLength(t); other.logLength(t) == length || !other.leads(t); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > 2*takeover {
			t.Fatalf("nobody publishes %v after the leader's network began to hang", time.Since(begin))
		}
	}
	t.Logf("the other personality publishes %v after the leader's network began to hang", time.Since(begin).Round(time.Millisecond))
	time.Sleep(2 * time.Second)
}

// hangAll: first no call to Trillian is answered, for longer than it takes to
// notice that a connection is dead, then no statement.
func hangAll(t *testing.T, c *cluster) {
	during(t, trillian.Hang, 14*time.Second, c.members[0].toTrillian, c.members[1].toTrillian)
	time.Sleep(time.Second)
	during(t, trillian.Hang, 5*time.Second, c.toDatabase()...)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package integration

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/trillian"
	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// wallClock is a clock that can step, and so is worse than Go's own, whose
// differences of times do not see a step of the system's clock.
type wallClock struct{ offset atomic.Int64 }

func (w *wallClock) now() time.Time { return time.Now().Round(0).Add(time.Duration(w.offset.Load())) }

func (w *wallClock) step(by time.Duration) { w.offset.Add(int64(by)) }

// TestStackClock steps the leader's clock back by a minute. That one runs inside
// this process, where its clock is ours.
func TestStackClock(t *testing.T) {
	c := startCluster(t, 0)
	clock := new(wallClock)
	c.members = append(c.members, c.openMember(t, clock)) // the first one leads
	other := c.startMember(t)
	c.members = append(c.members, other)
	c.operatorRecords = other.logLength(t)
	underLoad(t, c, new(auditor), "clock-steps-back", func(t *testing.T, c *cluster) {
		if other.leads(t) {
			t.Fatal("another one leads: this test shows nothing")
		}
		begin := time.Now()
		clock.step(-time.Minute)
		for !other.leads(t) {
			if time.Since(begin) > takeover {
				t.Fatalf("nobody with a good clock leads %v after the step", takeover)
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Logf("another one leads %v after the step", time.Since(begin).Round(time.Millisecond))
	})
}

// openMember opens a personality inside this process.
func (c *cluster) openMember(t *testing.T, clock *wallClock) *member {
	t.Helper()
	m := &member{toDatabase: trillian.StartProxy(t, c.database.Addr()), toTrillian: trillian.StartProxy(t, c.logServer.RPC)}
	registry, err := personality.Open(t.Context(), personality.Options{
		DataDir: t.TempDir(), Database: store.MySQL{DSN: through(t, m.toDatabase, c.registryDSN)},
		Trillian:     personality.RemoteTrillian{Server: trilliansvc.Options{Target: m.toTrillian.Addr()}},
		Notes:        personality.Notes{RecordsKeyFile: c.noteKeyFile("records"), CheckpointsKeyFile: c.noteKeyFile("checkpoints")},
		OperatorKeys: []protocol.Signer{c.key}, Namespaces: admission.Namespaces{Defined: []string{"example"}},
		Content:   content.Options{Dir: c.contentDir, Policy: content.PolicyWasm, MaxSize: 1 << 20},
		Admission: admission.Options{UploadTimeout: time.Hour}, Publisher: publisher.Options{CheckpointInterval: 100 * time.Millisecond},
		Now:    clock.now,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- registry.Run(ctx) }()
	listener := httptest.NewServer(registry.Handler())
	t.Cleanup(func() {
		listener.Close()
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := registry.Close(); err != nil {
			t.Error(err)
		}
	})
	m.server = &server{url: listener.URL}
	m.awaitLength(t, 1)
	return m
}

// awaitLength waits until a checkpoint covers so many records.
func (s *server) awaitLength(t *testing.T, records uint64) {
	t.Helper()
	var signed protocol.SignedCheckpoint
	for deadline := time.Now().Add(startTimeout); signed.Contents.LogLength < records; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no checkpoint covers %d records after %v", records, startTimeout)
		}
		status, body := s.ask(t, http.MethodGet, "/"+api.FetchCheckpointPath, nil)
		if status != http.StatusOK {
			continue // there is none yet
		}
		if err := json.Unmarshal(body, &signed); err != nil {
			t.Fatal(err)
		}
	}
}

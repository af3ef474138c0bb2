package client_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A package that began after the checkpoint that is shown is not found at it: no lie,
// unless the client remembers the package.
func TestPackageYoungerThanCheckpoint(t *testing.T) {
	s := newScene(t)
	young, key := name(t, "example:young"), newKey(t)
	publish(t, s.client(t, client.Options{}), young, key, nil, client.Init(key.Public()))
	var old atomic.Int32 // how often the old checkpoint is shown yet
	url := lie(t, s.registry, func(path string, _, answer []byte) []byte {
		if path == api.FetchCheckpointPath && old.Add(-1) >= 0 {
			return marshal(t, s.contact)
		}
		return answer
	})
	old.Store(1)
	if p, err := newClient(t, url, client.Options{}).Package(t.Context(), young); err != nil || p.Name != young {
		t.Errorf("shown the old checkpoint once: %v, %v", p, err)
	}
	old.Store(100)
	_, err := newClient(t, url, client.Options{}).Package(t.Context(), young)
	if got := as[*client.NotFoundError](t, err); got.Name != young || got.UndefinedNamespace {
		t.Errorf("shown the old checkpoint always: %+v", got)
	}
	// Publishing: another one began the package, which this one does not see at first.
	old.Store(1)
	publish(t, newClient(t, url, client.Options{}), young, key, nil, client.Grant(key.Public(), "yank"))
}

// To leave out all records of a package is to say that it is not there: a lie to a client
// that remembers it.
func TestAllRecordsLeftOut(t *testing.T) {
	s := newScene(t)
	url := lie(t, s.registry, func(path string, _, answer []byte) []byte {
		if path != api.FetchLogsPath {
			return answer
		}
		said := decode[api.FetchLogsResponse](t, answer)
		said.Packages = nil
		return said.AppendJSON(nil)
	})
	_, err := newClient(t, url, client.Options{}).Package(t.Context(), s.a)
	as[*client.NotFoundError](t, err)
	_, _, err = newClient(t, url, client.Options{Store: s.known()}).Records(t.Context(), s.a)
	refused(t, err, client.ClaimPackageLog)
}

// A registry of several servers may say that a record is published, and then show a
// checkpoint from before it: a newer one is waited for. One that never comes is a lie.
func TestRecordYoungerThanCheckpoint(t *testing.T) {
	r := sharedRegistry(t)
	c, key, n := r.client(t, client.Options{}), newKey(t), name(t, "example:younger")
	publish(t, c, n, key, nil, client.Init(key.Public()))
	for _, again := range []int32{1, 3, 1 << 20} { // how often the old checkpoint is shown
		before, err := c.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var old atomic.Int32
		url := lie(t, r, func(path string, _, answer []byte) []byte {
			if path == api.FetchCheckpointPath && old.Add(-1) >= 0 {
				return marshal(t, before)
			}
			return answer
		})
		front := newClient(t, url, client.Options{MaxWait: 500 * time.Millisecond})
		draft, err := front.Draft(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		record, err := draft.Sign(key, client.Grant(newKey(t).Public(), protocol.PermissionYank))
		if err != nil {
			t.Fatal(err)
		}
		if err := front.Post(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		old.Store(again)
		p, err := front.Wait(t.Context(), record)
		if again == 1<<20 {
			refused(t, err, client.ClaimRecord)
			continue
		}
		if err != nil || p.Head != record.ID {
			t.Errorf("shown the old checkpoint %d times: %+v, %v", again, p, err)
		}
	}
}

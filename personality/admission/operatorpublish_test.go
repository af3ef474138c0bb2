package admission_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func operatorHead(t *testing.T, s *registrytest.Setup) (log *protocol.OperatorLog) {
	t.Helper()
	log = new(protocol.OperatorLog)
	s.Must(s.Options.Store.View(t.Context(), func(tx *store.Tx) error {
		row, err := tx.Log(protocol.OperatorLogID())
		if err != nil {
			return err
		}
		return log.UnmarshalJSON(row.State)
	}))
	return log
}

// operatorRecord is a record on the operator log as accepted.
func operatorRecord(t *testing.T, s *registrytest.Setup, key protocol.PrivateKey, entries ...protocol.OperatorEntry) protocol.Envelope {
	t.Helper()
	head, _, _ := operatorHead(t, s).Head()
	record := protocol.OperatorRecord{Prev: head.Any(), Time: protocol.TimeOf(time.Now()), Entries: entries}
	return record.Sign(key)
}

func define(namespace string) protocol.OperatorEntry {
	return protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: namespace}
}

func grantAll(key protocol.PrivateKey) protocol.OperatorEntry {
	return protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: key.Public(), Permissions: []protocol.OperatorPermission{
		protocol.PermissionCommit, protocol.PermissionDefineNamespace, protocol.PermissionImportNamespace}}
}

func revokeAll(key protocol.PrivateKey) protocol.OperatorEntry {
	e := grantAll(key)
	return protocol.OperatorEntry{Type: protocol.EntryRevokeFlat, KeyID: key.Public().ID(), Permissions: e.Permissions}
}

func TestPublishOperator(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	ctx := t.Context()
	envelope := operatorRecord(t, s, s.Key, define("alive"))
	status, err := s.PublishOperator(ctx, envelope)
	s.Must(err)
	for deadline := time.Now().Add(time.Minute); status.State != registry.Published; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the record is not published")
		}
		status, err = s.PublishOperator(ctx, envelope) // once more is the same
		s.Must(err)
	}
	a := s.Author("alive:package") // its namespace is there
	a.Wait(a.Post(registrytest.Init(a.Key)).RecordID)
	// A namespace that was defined alive and stands in the settings of the next start is
	// no conflict, and makes no record.
	length := operatorHead(t, s)
	s.InitOperator(admission.Namespaces{Defined: []string{"example", "alive"}})
	before, _, _ := length.Head()
	if after, _, _ := operatorHead(t, s).Head(); after != before {
		t.Error("the start made another record")
	}
}

// Whatever is refused changes nothing.
func TestPublishOperatorRefuses(t *testing.T) {
	s := registrytest.New(t)
	s.Options.Admission.MaxClockSkew = time.Minute
	s.Renew()
	stranger, weak := registrytest.NewKey(t), registrytest.NewKey(t)
	definer := protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: weak.Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionDefineNamespace}}
	_, err := s.PublishOperator(t.Context(), operatorRecord(t, s, s.Key, definer))
	s.Must(err)
	_, err = s.PublishOperator(t.Context(), operatorRecord(t, s, weak, define("by-weak")))
	s.Must(err)
	head, _, _ := operatorHead(t, s).Head()
	forged := operatorRecord(t, s, stranger, define("a"))
	forged.KeyID = s.Key.Public().ID()
	future := protocol.OperatorRecord{Prev: head.Any(), Time: protocol.TimeOf(time.Now().Add(time.Hour)), Entries: []protocol.OperatorEntry{define("a")}}
	old := protocol.OperatorRecord{Prev: protocol.HashOf(nil).Any(), Time: protocol.TimeOf(time.Now()), Entries: []protocol.OperatorEntry{define("a")}}
	garbage := protocol.Envelope{Content: []byte("garbage"), KeyID: s.Key.Public().ID(), Signature: s.Key.Sign(protocol.OperatorRecordSignature, []byte("garbage"))}
	imports := func(registry string) protocol.OperatorEntry {
		return protocol.OperatorEntry{Type: protocol.EntryImportNamespace, Namespace: "wasi", Registry: registry}
	}
	wants := []struct {
		what     string
		envelope protocol.Envelope
		want     func(error) bool
	}{
		{"a stranger", operatorRecord(t, s, stranger, define("a")), is[*registry.UnauthorizedError]},
		{"a forged signature", forged, is[*registry.UnauthorizedError]},
		{"a key without permission", operatorRecord(t, s, weak, imports("a.example")), is[*registry.UnauthorizedError]},
		{"no record", garbage, is[*registry.InvalidError]},
		{"another init", operatorRecord(t, s, s.Key, protocol.OperatorEntry{Type: protocol.EntryInit, Key: s.Key.Public()}), is[*registry.RejectionError]},
		{"a namespace twice", operatorRecord(t, s, s.Key, define("example")), is[*registry.RejectionError]},
		{"no entries", operatorRecord(t, s, s.Key), is[*registry.RejectionError]},
		{"an import of a URL", operatorRecord(t, s, s.Key, imports("https://a.example")), is[*registry.RejectionError]},
		{"from the future", future.Sign(s.Key), is[*registry.RejectionError]},
		{"behind another record", old.Sign(s.Key), is[*registry.ConflictPendingPublishError]},
		{"nobody left to sign", operatorRecord(t, s, s.Key, revokeAll(s.Key)), is[*registry.RejectionError]},
		{"nobody here left to sign", operatorRecord(t, s, s.Key, grantAll(stranger), revokeAll(s.Key)), is[*registry.RejectionError]},
	}
	for _, w := range wants {
		if _, err := s.PublishOperator(t.Context(), w.envelope); !w.want(err) {
			t.Errorf("%s: %v", w.what, err)
		}
		if now, _, _ := operatorHead(t, s).Head(); now != head {
			t.Fatalf("%s changed the log", w.what)
		}
	}
	// With two records: the key that was granted is not one that this process has.
	_, err = s.PublishOperator(t.Context(), operatorRecord(t, s, s.Key, grantAll(stranger)))
	s.Must(err)
	if _, err = s.PublishOperator(t.Context(), operatorRecord(t, s, s.Key, revokeAll(s.Key))); !is[*registry.RejectionError](err) {
		t.Errorf("the only key of this process is revoked: %v", err)
	}
	s.Options.Keys.Replace(s.Key, stranger)
	_, err = s.PublishOperator(t.Context(), operatorRecord(t, s, s.Key, revokeAll(s.Key)))
	s.Must(err)
}

func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// Of records that follow the same one, one enters, and the others are told which.
func TestOperatorRecordsAtOnce(t *testing.T) {
	s := registrytest.New(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	entered, conflicts := 0, 0
	var envelopes []protocol.Envelope // all behind the same record
	for _, n := range []string{"a", "b", "c", "d"} {
		envelopes = append(envelopes, operatorRecord(t, s, s.Key, define(n)))
	}
	for _, envelope := range envelopes {
		all.Go(func() {
			_, err := s.PublishOperator(context.Background(), envelope)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				entered++
			case is[*registry.ConflictPendingPublishError](err):
				conflicts++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if entered != 1 || conflicts != 3 {
		t.Errorf("%d entered, %d conflicts", entered, conflicts)
	}
}

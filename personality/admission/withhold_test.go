package admission_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/outbound"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// chainOf is what a registry's statements come to.
func chainOf(t *testing.T, s *registrytest.Setup) *withheld.Chain {
	t.Helper()
	page, err := s.Withheld(t.Context(), 0)
	s.Must(err)
	log := operatorHead(t, s)
	chain := withheld.NewChain(page.Origin)
	for _, statement := range page.Statements {
		s.Must(chain.Append(statement, log.PublicKey))
	}
	return chain
}

func TestWithhold(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a := s.Author("example:one")
	a.Post(registrytest.Init(a.Key))
	waiting := a.Post(registrytest.Release("1.0.0", "one"))
	digest := protocol.HashOf([]byte("one"))
	next := func(key protocol.PrivateKey, action withheld.Action, at time.Time) withheld.Signed {
		t.Helper()
		signed, err := chainOf(t, s).Next(withheld.Statement{Time: at.UTC().Truncate(time.Second), Action: action, Digest: digest, Reason: "a test"}).Sign(key)
		s.Must(err)
		return signed
	}
	refused := func(why string, statement withheld.Signed, words string) {
		t.Helper()
		before := chainOf(t, s).Length()
		if err := s.Withhold(t.Context(), statement); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", why, err)
		}
		if after := chainOf(t, s).Length(); after != before {
			t.Errorf("%s: there are %d statements, were %d", why, after, before)
		}
	}
	stranger := registrytest.NewKey(t)
	refused("a stranger's", next(stranger, withheld.Withhold, time.Now()), "may not sign statements")
	forged := next(s.Key, withheld.Withhold, time.Now())
	forged.Reason = "another"
	refused("a forged one", forged, "signature")
	refused("one of tomorrow", next(s.Key, withheld.Withhold, time.Now().Add(25*time.Hour)), "ahead of this registry's clock")
	refused("a release of what is not withheld", next(s.Key, withheld.Release, time.Now()), "is not withheld")

	first := next(s.Key, withheld.Withhold, time.Now())
	s.Must(s.Withhold(t.Context(), first))
	s.Must(s.Withhold(t.Context(), first))
	var why *registry.WithheldError
	if err := a.Upload(waiting.RecordID, "one"); !errors.As(err, &why) || why.Statement.Reason != "a test" {
		t.Errorf("an upload: %v", err)
	}
	if state := a.Status(waiting.RecordID).State; state != registry.Sourcing {
		t.Errorf("the record is %v after a refused upload", state)
	}
	s.Must(s.Withhold(t.Context(), next(s.Key, withheld.Release, time.Now())))
	s.Must(s.Withhold(t.Context(), first)) // it is one of them, and counts no more
	s.Must(a.Upload(waiting.RecordID, "one"))

	// Of those that are made at once one comes first; the others have to be made anew.
	var group sync.WaitGroup
	results := make([]error, 4)
	for i := range results {
		statement, err := chainOf(t, s).Next(withheld.Statement{Time: time.Now().UTC().Truncate(time.Second), Action: withheld.Withhold, Digest: protocol.HashOf([]byte{byte(i)}), Reason: "a test"}).Sign(s.Key)
		s.Must(err)
		group.Go(func() { results[i] = s.Withhold(t.Context(), statement) })
	}
	group.Wait()
	taken := 0
	for _, err := range results {
		var order *withheld.OrderError
		switch {
		case err == nil:
			taken++
		case !errors.As(err, &order):
			t.Error(err)
		}
	}
	if taken != 1 || chainOf(t, s).Length() != 3 {
		t.Errorf("%d statements were taken of those with one number", taken)
	}

	// A key that was revoked, all of it or the permission to sign alone, signs no more; what
	// it has signed counts.
	commit := func(key protocol.PrivateKey) protocol.OperatorEntry {
		return protocol.OperatorEntry{Type: protocol.EntryRevokeFlat, KeyID: key.Public().ID(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}}
	}
	for _, revoke := range []func(protocol.PrivateKey) protocol.OperatorEntry{revokeAll, commit} {
		other := registrytest.NewKey(t)
		_, err := s.PublishOperator(t.Context(), operatorRecord(t, s, s.Key, grantAll(other)))
		s.Must(err)
		s.Must(s.Withhold(t.Context(), next(other, withheld.Withhold, time.Now())))
		_, err = s.PublishOperator(t.Context(), operatorRecord(t, s, s.Key, revoke(other)))
		s.Must(err)
		refused("one by a key that was revoked", next(other, withheld.Release, time.Now()), "may not sign statements")
		if _, ok := chainOf(t, s).Withheld(digest); !ok {
			t.Error("what a key has signed that was revoked counts no more")
		}
		s.Must(s.Withhold(t.Context(), next(s.Key, withheld.Release, time.Now())))
	}
}

// What is withheld is not fetched, the author learns why at once, and it is fetched once it is
// released and the record posted again.
func TestFetchOfWithheld(t *testing.T) {
	s, from := fetchingSetup(t, outbound.Options{}), newSources(t)
	s.Start()
	state := func(action withheld.Action) {
		t.Helper()
		statement := withheld.Statement{Time: time.Now().UTC().Truncate(time.Second), Action: action, Digest: protocol.HashOf([]byte("one")), Reason: "by order of a court"}
		signed, err := chainOf(t, s).Next(statement).Sign(s.Key)
		s.Must(err)
		s.Must(s.Withhold(t.Context(), signed))
	}
	state(withheld.Withhold)
	a := s.Author("example:a")
	status, err := publishFrom(a, "one", from.URL+"/good/one")
	s.Must(err)
	waiting := func() registry.RecordStatus {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			status := a.Status(status.RecordID)
			if status.State == registry.Sourcing {
				return status
			}
			if time.Now().After(deadline) {
				t.Fatalf("the record is %v", status.State)
			}
		}
	}
	if why := waiting().Failures[protocol.HashOf([]byte("one"))]; !strings.Contains(why, "is withheld by the operator of this registry") || from.count("/good/one") != 0 {
		t.Errorf("the reason is %q; asked %q", why, from.asked)
	}
	state(withheld.Release)
	again, err := publishFrom(a, "one", from.URL+"/good/one")
	s.Must(err)
	expectPublished(t, a, again.RecordID)
}

package publisher_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// two are two processes that have read the same leaves behind the same checkpoint.
func two(t *testing.T) (s *registrytest.Setup, first, second publisher.Integrator) {
	s = registrytest.New(t)
	ctx := context.Background()
	first = integratorOf(s)
	s.Must(s.Publisher.Queue(ctx))
	_, err := first.Read(ctx, 100)
	s.Must(err)
	s.Must(first.Publish(ctx))
	a := s.Author("example:one")
	a.Post(registrytest.Init(a.Key))
	s.Must(s.Publisher.Queue(ctx))
	first, second = integratorOf(s), integratorOf(s)
	for _, i := range []publisher.Integrator{first, second} {
		if fresh, err := i.Read(ctx, 100); err != nil || len(fresh) != 1 {
			t.Fatalf("read %d leaves, error %v", len(fresh), err)
		}
	}
	return s, first, second
}

func integratorOf(s *registrytest.Setup) publisher.Integrator {
	s.T.Helper()
	i, err := publisher.LoadIntegrator(context.Background(), s.Publisher)
	s.Must(err)
	return i
}

// Of two processes that publish the same records the second changes nothing.
func TestSecondPublishes(t *testing.T) {
	s, first, second := two(t)
	ctx := context.Background()
	s.Must(first.Publish(ctx))
	before, err := s.LatestCheckpoint(ctx)
	s.Must(err)
	if err := second.Publish(ctx); !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("published what was published: %v", err)
	}
	if after, err := s.LatestCheckpoint(ctx); err != nil || after != before {
		t.Errorf("it made %+v of %+v, error %v", after, before, err)
	}
	s.CheckPublished()
}

// A process that has published again what another has not seen supersedes it, since
// its time may be later.
func TestSecondPublishesAgain(t *testing.T) {
	s, first, second := two(t)
	ctx := context.Background()
	s.Options.Now = func() time.Time { return time.Now().Add(time.Hour) }
	s.Renew()
	ahead := integratorOf(s)
	s.Must(ahead.Republish(ctx))
	again, err := s.LatestCheckpoint(ctx)
	s.Must(err)
	if err := first.Publish(ctx); !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("published behind a checkpoint that was replaced: %v", err)
	}
	// Its second has passed, or it does nothing at all.
	s.Eventually("the other one tries", func() bool {
		err := second.Republish(ctx)
		if err != nil && !errors.Is(err, store.ErrSuperseded) {
			t.Fatal(err)
		}
		return err != nil
	})
	if after, err := s.LatestCheckpoint(ctx); err != nil || after != again {
		t.Errorf("the newest is %+v, it was %+v, error %v", after, again, err)
	}
}

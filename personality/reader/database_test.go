package reader

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// A read that is behind its time is left, and what it needs is given back when it
// ends; while too many are left none is begun.
func TestAbandonedReads(t *testing.T) {
	for range 2 {
		d := &database{remote: true}
		d.failures.Store(-2 * maxAbandoned) // it is not taken to be away
		release := make(chan struct{})
		hang := func(context.Context) (int, error) { <-release; return 1, nil }
		var away *registry.UnavailableError
		var asking sync.WaitGroup
		for range maxAbandoned {
			asking.Go(func() {
				_, err := await(context.Background(), d, time.Millisecond, hang)
				if _, away := errors.AsType[*registry.UnavailableError](err); !away {
					t.Errorf("a read that hangs: %v", err)
				}
			})
		}
		asking.Wait()
		answer := func(context.Context) (int, error) { return 2, nil }
		if _, err := await(context.Background(), d, time.Hour, answer); !errors.As(err, &away) {
			t.Errorf("beside %d reads that hang: %v", maxAbandoned, err)
		}
		close(release)
		for d.abandoned.Load() > 0 { // until the last one has ended
			time.Sleep(time.Millisecond)
		}
		if got, err := await(context.Background(), d, time.Hour, answer); got != 2 || err != nil {
			t.Errorf("when they have ended: %d, %v", got, err)
		}
	}
}

// A panic in a read is an error of that read, with the place where it was.
func TestPanicInRead(t *testing.T) {
	_, err := await(context.Background(), &database{remote: true}, time.Hour, func(context.Context) (int, error) { panic("short hash") })
	if err == nil || !strings.Contains(err.Error(), "short hash") || !strings.Contains(err.Error(), "database_test.go") {
		t.Errorf("got %v", err)
	}
}

// Of a remote database that is away one read at a time asks whether it is back, and
// the others do not wait; when it answers, all are asked again.
func TestAwayIsNotWaitedForByAll(t *testing.T) {
	d := &database{remote: true}
	hang := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
	answer := func(context.Context) (int, error) { return 2, nil }
	for range awayAfter {
		if _, err := await(context.Background(), d, time.Millisecond, hang); err == nil {
			t.Fatal("a read that hangs gave no error")
		}
	}
	asking, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := await(context.Background(), d, time.Hour, func(context.Context) (int, error) { close(asking); <-release; return 1, nil })
		done <- err
	}()
	<-asking
	var unavailable *registry.UnavailableError
	if _, err := await(context.Background(), d, time.Hour, answer); !errors.As(err, &unavailable) || unavailable.Part != registry.PartDatabase {
		t.Errorf("beside the one that asks: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("the one that asked: %v", err)
	}
	for range 2 {
		if got, err := await(context.Background(), d, time.Hour, answer); got != 2 || err != nil {
			t.Errorf("when it is back: %d, %v", got, err)
		}
	}
}

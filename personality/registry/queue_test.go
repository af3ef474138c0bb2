package registry_test

import (
	"errors"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// While as many records wait as may, more are refused; what was accepted is
// published, and then there is room again.
func TestMaxQueue(t *testing.T) {
	const most = 5
	s := newSetup(t)
	s.options.MaxQueue = most
	s.Registry = registry.New(s.options)
	a := s.author("example:one")
	refused := 0
	for i := range 2 * most {
		if _, err := a.try(a.sign(a.key, entriesFor(a, i)...)); errors.Is(err, registry.ErrOverloaded) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused != most {
		t.Errorf("%d of %d were refused, want %d", refused, 2*most, most)
	}
	s.run()
	a.wait(mustHash(t, a.head))
	s.eventually("there is room again", func() bool {
		_, err := a.try(a.sign(a.key, a.grant()))
		return err == nil
	})
	a.wait(mustHash(t, a.head))
	s.checkPublished()
}

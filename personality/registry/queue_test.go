package registry_test

import (
	"errors"
	"fmt"
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
	var accepted []*author
	try := func(i int) error {
		a := s.author(fmt.Sprintf("example:package%d", i))
		_, err := a.try(a.sign(a.key, initEntry(a.key)))
		if err == nil {
			accepted = append(accepted, a)
		}
		return err
	}
	for i := range 2 * most {
		if err := try(i); (i >= most) != errors.Is(err, registry.ErrOverloaded) {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	s.run()
	s.eventually("there is room again", func() bool { return try(2*most) == nil })
	for _, a := range accepted {
		a.wait(mustHash(t, a.head))
	}
	s.checkPublished()
}

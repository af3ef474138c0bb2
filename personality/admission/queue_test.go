package admission_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// While as many records wait as may, more are refused; what was accepted is
// published, and then there is room again.
func TestMaxQueue(t *testing.T) {
	const most = 5
	s := registrytest.New(t)
	s.Options.Admission.MaxQueue = most
	s.Renew()
	var accepted []*registrytest.Author
	try := func(i int) error {
		a := s.Author(fmt.Sprintf("example:package%d", i))
		_, err := a.Try(a.Sign(a.Key, registrytest.Init(a.Key)))
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
	s.Start()
	s.Eventually("there is room again", func() bool { return try(2*most) == nil })
	for _, a := range accepted {
		a.Wait(registrytest.MustHash(t, a.Head))
	}
	s.CheckPublished()
}

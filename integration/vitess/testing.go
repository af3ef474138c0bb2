package vitess

import (
	"os"
	"testing"
)

// Start returns a cluster that ends, with its data, when the test does. The test is
// skipped where WARG_TEST_VITESS is not set: `make test-vitess` sets it, and builds
// first what takes long.
func Start(t *testing.T) *Cluster {
	t.Helper()
	if os.Getenv("WARG_TEST_VITESS") == "" {
		t.Skip("needs Vitess: run `make test-vitess`")
	}
	dir, err := os.MkdirTemp("", "vt") // t.TempDir's names can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c, err := Run(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("Vitess: keyspace %s at %s, tablets %s", Keyspace, c.gate, c.names())
	return c
}

func (c *Cluster) names() (all []string) {
	for _, t := range c.tablets {
		all = append(all, t.alias)
	}
	return all
}

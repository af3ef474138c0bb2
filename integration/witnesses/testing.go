package witnesses

import (
	"os"
	"testing"
)

// StartLitewitness is [RunLitewitness] for tests, in a folder of its own: the witness
// ends with the test, and if that fails, what the witness wrote is shown.
func StartLitewitness(t testing.TB, name string, logs ...Log) *Witness {
	t.Helper()
	return started(t, func(dir string) (*Witness, error) { return RunLitewitness(dir, name, logs...) })
}

// StartOmniwitness is [RunOmniwitness] for tests, as [StartLitewitness].
func StartOmniwitness(t testing.TB, name string, keys []KeyType, logs ...Log) *Witness {
	t.Helper()
	return started(t, func(dir string) (*Witness, error) { return RunOmniwitness(dir, name, keys, logs...) })
}

func started(t testing.TB, run func(dir string) (*Witness, error)) *Witness {
	t.Helper()
	dir, err := os.MkdirTemp("", "witness") // t.TempDir's names can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w, err := run(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("output of the witness %s at %s:\n%s", w.Name, w.URL, w.Output())
		}
	})
	return w
}

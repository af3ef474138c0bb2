package trillian

import "testing"

// StartLogServer is [RunLogServer] for tests: the process ends with the test,
// and if that fails, what it wrote is shown.
func StartLogServer(t testing.TB, c Config) *Process {
	t.Helper()
	return started(t)(RunLogServer(c))
}

// StartSigner is [RunSigner] for tests, as [StartLogServer].
func StartSigner(t testing.TB, c Config) *Process {
	t.Helper()
	return started(t)(RunSigner(c))
}

func started(t testing.TB) func(*Process, error) *Process {
	return func(p *Process, err error) *Process {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Kill(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("output of %s at %s:\n%s", p.command, p.RPC, p.output)
			}
		})
		return p
	}
}

// StartProxy is [NewProxy] for tests: it ends with the test.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p, err := NewProxy(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Switch is [Proxy.Set] for tests.
func (p *Proxy) Switch(t testing.TB, mode Mode) {
	t.Helper()
	if err := p.Set(mode); err != nil {
		t.Fatal(err)
	}
}

// Schema is [LoadSchema] for tests.
func Schema(t testing.TB, dsn string) {
	t.Helper()
	if err := LoadSchema(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
}

package protocol

import (
	"fmt"
	"testing"
)

// logWithKeys is a package log in which n keys hold a permission.
func logWithKeys(tb testing.TB, n int) (*PackageLog, *testChain) {
	tb.Helper()
	log := new(PackageLog)
	chain := newTestChain(tb)
	mustValidate(tb, log, chain.next(nil))
	for log.keys.len() < n {
		grants := make([]PackageEntry, min(1000, n-log.keys.len()))
		for i := range grants {
			grants[i] = PackageEntry{Type: EntryGrantFlat, Key: testKey(tb).Public(), Permissions: []PackagePermission{PermissionYank}}
		}
		mustValidate(tb, log, chain.next(grants))
	}
	return log, chain
}

// What the keys of a log cost each record of it.
func BenchmarkStateOfManyKeys(b *testing.B) {
	for _, n := range []int{1, 1000} {
		log, _ := logWithKeys(b, n)
		state, err := log.MarshalState()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("round trip of %d keys", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var stored PackageLog
				if err := stored.UnmarshalState(state); err != nil {
					b.Fatal(err)
				}
				if _, err := stored.MarshalState(); err != nil {
					b.Fatal(err)
				}
			}
		})
		last := log.keys.keys[n-1]
		b.Run(fmt.Sprintf("find one of %d keys", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, err := StateKey(state, last); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

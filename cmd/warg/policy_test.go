package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// With a policy, nothing is used that witnesses have not cosigned.
func TestPolicy(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	f := newFront(t, r)
	u := newPublisher(t, f.url)
	w := witnesstest.NewKey("witness.example.org/w")
	u.write("policy", fmt.Sprintf("log %s\nwitness w %s\nquorum w\n", r.vkey, w.VKey))
	u.write("no-log", fmt.Sprintf("witness w %s\nquorum w\n", w.VKey))
	u.release("example:hello", "1.0.0", "first")

	cosign := func(path string, answer []byte) []byte {
		if path != "tlog/records/checkpoint" {
			return answer
		}
		return append(answer, w.Cosign(t, answer, uint64(time.Now().Unix()))...)
	}
	f.lie(cosign)
	u.expect(exitDone, "Set", "config", "--policy", "policy")
	u.expect(exitDone, "Downloaded version: 1.0.0", "download", "example:hello", "-o", "got.wasm")
	u.release("example:hello", "1.1.0", "second") // waits until that is cosigned
	if got := u.expect(exitDone, `"quorum":"w"`, "--json", "verify", "release.wasm", "--online"); !strings.Contains(got, "1.1.0") {
		t.Errorf("verified %s", got)
	}
	wrong := witnesstest.NewKey("witness.example.org/other")
	u.write("other", fmt.Sprintf("log %s\nwitness w %s\nquorum w\n", openRegistry(t).vkey, wrong.VKey))
	u.unproved("witnesses", "signed by no key", "info", "example:hello", "--policy", "other")
	u.expect(exitUsage, "names no log", "config", "--policy", "no-log")
	u.expect(exitUsage, "no such file", "info", "--policy", "missing")
	f.honest()
	u.expect(exitDone, "Set", "config", "--policy", "none")
	u.expect(exitDone, "Versions", "info", "example:hello")
}

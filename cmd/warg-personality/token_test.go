package main

import (
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/access"
)

func TestTokenNew(t *testing.T) {
	for _, c := range []struct {
		args []string
		want access.Permission
	}{{nil, access.Publish}, {[]string{"--read"}, access.Read}} {
		stdout, stderr, status := result(t, program(t, nil, append([]string{"token", "new", "alice"}, c.args...)...))
		tokens, err := access.ParseTokens([]byte(stderr))
		if status != 0 || err != nil || len(tokens) != 1 || tokens[0].Name != "alice" || tokens[0].Permission != c.want {
			t.Fatalf("status %d, %v: %q", status, err, stderr)
		}
		if strings.Contains(stderr, strings.TrimSpace(stdout)) || len(stdout) < 40 {
			t.Errorf("token %q, line %q", stdout, stderr)
		}
	}
	for _, name := range []string{"", "a b", "#", "read"} {
		if _, stderr, status := result(t, program(t, nil, "token", "new", name)); status != exitUsage || stderr == "" {
			t.Errorf("the name %q: status %d, %q", name, status, stderr)
		}
	}
}

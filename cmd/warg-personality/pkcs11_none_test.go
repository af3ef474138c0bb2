//go:build !pkcs11 || !cgo

package main

import (
	"strings"
	"testing"
)

// A program without PKCS #11 says so, and does not quote the URI, which may hold a PIN.
func TestPKCS11IsNotBuiltIn(t *testing.T) {
	env := []string{"WARG_OPERATOR_KEY_PKCS11=pkcs11:token=warg;object=operator?module-path=/x.so&pin-value=123456"}
	for _, args := range [][]string{
		{"serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir()},
		{"operator", "namespace", "define", "example", "--yes"},
	} {
		stdout, stderr, status := result(t, program(t, env, args...))
		if status != exitUsage || !strings.Contains(stderr, "without PKCS #11") || strings.Contains(stdout+stderr, "123456") {
			t.Errorf("%v: status %d: %s%s", args, status, stdout, stderr)
		}
	}
}

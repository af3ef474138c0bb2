//go:build pkcs11 && cgo

package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/signer"
)

const testPIN = "493-827-165"

// softHSM makes a token of SoftHSM with two keys, of the objects operator and other, and
// returns its configuration, the library's path, and the id of the operator key.
func softHSM(t *testing.T, dir string) (conf, module, keyID string) {
	t.Helper()
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"} {
		if _, err := os.Stat(path); err == nil {
			module = path
		}
	}
	if module == "" {
		t.Fatal("SoftHSM is missing: apt-get install softhsm2")
	}
	tokens, conf := filepath.Join(dir, "tokens"), filepath.Join(dir, "softhsm2.conf")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	util := func(args ...string) {
		t.Helper()
		cmd := exec.Command("softhsm2-util", append(args, "--pin", testPIN)...)
		cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("softhsm2-util %v: %v: %s", args, err, text)
		}
	}
	util("--init-token", "--free", "--label", "warg", "--so-pin", "0000")
	for i, object := range []string{"other", "operator"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), object+".pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		util("--import", file, "--token", "warg", "--label", object, "--id", fmt.Sprintf("a%d", i))
		public, err := signer.FromCrypto(key)
		if err != nil {
			t.Fatal(err)
		}
		keyID = string(public.Public().ID())
	}
	return conf, module, keyID
}

// The operator's key is in a token: it signs the registry's checkpoints and the records of
// operator commands. What is wrong with a URI is said, without the PIN.
func TestPKCS11(t *testing.T) {
	dir := t.TempDir()
	conf, module, keyID := softHSM(t, dir)
	pin := filepath.Join(dir, "pin")
	if err := os.WriteFile(pin, []byte(testPIN+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	uri := func(key, how string) string { return "pkcs11:" + key + "?module-path=" + module + "&" + how }
	fromFile := uri("token=warg;object=operator", "pin-source=file:"+pin)
	env := func(uri string) []string { return []string{"SOFTHSM2_CONF=" + conf, "WARG_OPERATOR_KEY_PKCS11=" + uri} }

	server := program(t, env(fromFile), "serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"))
	var logged bytes.Buffer
	server.Stderr = &logged
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReader(stdout).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(first), "listening on ")
	if !ok {
		t.Fatalf("printed %q (%v): %s", first, err, logged.String())
	}
	run := func(uri string, args ...string) (said string, status int) {
		t.Helper()
		stdout, stderr, status := result(t, program(t, env(uri), append(append([]string{"operator"}, args...), "--url", "http://"+address)...))
		if strings.Contains(stdout+stderr, testPIN) {
			t.Errorf("%v says the PIN: %s%s", args, stdout, stderr)
		}
		return stdout + stderr, status
	}
	if said, status := run("", "key", "list"); status != 0 || !strings.Contains(said, keyID) {
		t.Errorf("the keys: status %d: %s; want %s", status, said, keyID)
	}
	if err := server.Process.Signal(syscall.SIGHUP); err != nil { // the token stays open
		t.Fatal(err)
	}
	for i, good := range []string{
		fromFile, uri("token=warg;id=%a1", "pin-value="+testPIN), uri("type=private;token=warg;object=operator;id=%a1", "pin-source="+pin),
	} {
		if said, status := run(good, "namespace", "define", "n"+string(rune('a'+i)), "--yes"); status != 0 || !strings.Contains(said, "published record sha256:") {
			t.Errorf("URI %d: status %d: %s", i, status, said)
		}
	}
	for bad, want := range map[string]string{
		uri("token=warg;object=operator", "pin-value=1"+testPIN):                      "PIN",
		uri("token=warg;object=nobody", "pin-source="+pin):                            "0 key pairs",
		uri("token=warg;object=operator;id=%a0", "pin-source="+pin):                   "0 key pairs",
		uri("token=elsewhere;object=operator", "pin-source="+pin):                     "find PKCS#11 token",
		uri("token=warg;object=other", "pin-source="+pin):                             "permission",
		uri("token=warg;object=operator", "pin-source="+pin+"&pin-value="+testPIN):    "pin-source",
		uri("token=warg;object=operator", "pin-source="+pin+".none"):                  "no such file",
		uri("token=warg;object=operator", "pin-value=1&"+testPIN):                     "%26",
		uri("token=warg", "pin-source="+pin):                                          "object or id",
		uri("object=operator", "pin-source="+pin):                                     "token or serial",
		uri("token=warg;token=warg;object=operator", "pin-value="+testPIN):            "twice",
		uri("token=%zz;object=operator", "pin-value="+testPIN):                        "percent-encoded",
		uri("token=warg;object=operator;pin-valeu="+testPIN, "pin-source="+pin):       "not known",
		"pkcs11:token=warg;object=operator?pin-value=" + testPIN:                      "module-path",
		"pkcs11:token=warg;object=operator?module-path=/none.so&pin-value=" + testPIN: "open module",
		"token=warg;pin-value=" + testPIN:                                             "no pkcs11: URI",
	} {
		if said, status := run(bad, "namespace", "define", "never", "--yes"); status == 0 || !strings.Contains(said, want) {
			t.Errorf("%s: status %d: %s; want %q", strings.ReplaceAll(bad, testPIN, "PIN"), status, said, want)
		}
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil || strings.Contains(logged.String(), testPIN) {
		t.Errorf("the server ended with %v, and logged: %s", err, logged.String())
	}
}

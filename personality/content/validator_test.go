package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// validator.wasm is built by hand (make validator), not by go build. This fails
// when its source has changed since, and when a source is not accounted for.
func TestValidatorIsUpToDate(t *testing.T) {
	sums, err := os.ReadFile("validator/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range bytes.Lines(sums) {
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		want, name, _ := strings.Cut(strings.TrimSpace(string(line)), "  ")
		listed = append(listed, name)
		file, err := os.ReadFile(filepath.Join("validator", name))
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(file); hex.EncodeToString(got[:]) != want {
			t.Errorf("validator/%s has changed since validator.wasm was built; run make validator", name)
		}
	}
	if sum := sha256.Sum256(validatorWasm); !bytes.Contains(sums, []byte(hex.EncodeToString(sum[:])+"  validator.wasm\n")) {
		t.Error("the embedded validator is not the one that SHA256SUMS lists")
	}

	sources, err := filepath.Glob("validator/src/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range append(sources, "validator/Cargo.toml", "validator/Cargo.lock", "validator/build.sh") {
		if name := strings.TrimPrefix(filepath.ToSlash(source), "validator/"); !slices.Contains(listed, name) {
			t.Errorf("validator/%s is missing in SHA256SUMS", name)
		}
	}
}

// The notices name each crate that is inside validator.wasm, with its version.
func TestNoticesNameEveryCrate(t *testing.T) {
	lock, err := os.ReadFile("validator/Cargo.lock")
	if err != nil {
		t.Fatal(err)
	}
	notices, err := os.ReadFile("../../THIRD-PARTY-NOTICES.md")
	if err != nil {
		t.Fatal(err)
	}
	crates := regexp.MustCompile(`name = "(.*)"\nversion = "(.*)"\nsource`).FindAllSubmatch(lock, -1)
	if len(crates) == 0 {
		t.Fatal("no crates found in validator/Cargo.lock")
	}
	for _, crate := range crates {
		if row := "| " + string(crate[1]) + " " + string(crate[2]) + " |"; !bytes.Contains(notices, []byte(row)) {
			t.Errorf("THIRD-PARTY-NOTICES.md has no row %q", row)
		}
	}
}

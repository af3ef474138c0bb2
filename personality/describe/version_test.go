package describe

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
)

// sandboxOfVersion is the digest of the sandbox with which [Version] was last looked at.
const sandboxOfVersion = "0811ea91da221e53c4034d875a61537ab54ed55aebf9bb15e9d262e1eecf0ec9"

// A new sandbox may say something else: indexes have to know that.
func TestVersionIsThatOfTheSandbox(t *testing.T) {
	module, err := os.ReadFile("../content/validator/validator.wasm")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(module); hex.EncodeToString(sum[:]) != sandboxOfVersion {
		t.Errorf("the sandbox is another one: if it says something else of a content, raise Version; then set sandboxOfVersion to %x", sum)
	}
}

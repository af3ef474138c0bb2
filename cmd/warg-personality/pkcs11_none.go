//go:build !pkcs11 || !cgo

package main

import (
	"errors"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// openToken is for programs that are built with the tag pkcs11, and with cgo.
func openToken(string) (protocol.Signer, error) {
	return nil, errors.New("this program was built without PKCS #11; build it with `CGO_ENABLED=1 go build -tags pkcs11 ./cmd/warg-personality`, which needs gcc")
}

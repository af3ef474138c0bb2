//go:build !pkcs11

package main

import (
	"errors"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func openToken(string) (protocol.Signer, error) {
	return nil, errors.New("this program was built without PKCS #11; build it with `go build -tags pkcs11 ./cmd/warg-personality`, which needs cgo")
}

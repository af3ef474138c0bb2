//go:build pkcs11 && cgo

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/ThalesGroup/crypto11"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/signer"
)

// openToken returns the key that a pkcs11: URI names. The token is open, and logged in
// to, as long as the process lives. Errors do not quote the URI, which may hold a PIN.
func openToken(text string) (protocol.Signer, error) {
	uri, err := parsePKCS11(text)
	if err != nil {
		return nil, err
	}
	token, err := crypto11.Configure(&crypto11.Config{
		Path: uri.module, TokenLabel: uri.token, TokenSerial: uri.serial, Pin: uri.pin,
		MaxSessions:     4, // tokens may have few; checkpoints are signed one at a time
		PoolWaitTimeout: 10 * time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("open the token with the module %s: %w", uri.module, err)
	}
	key, err := tokenKey(token, uri)
	if err != nil {
		return nil, errors.Join(err, token.Close())
	}
	return key, nil
}

func tokenKey(token *crypto11.Context, uri pkcs11URI) (protocol.Signer, error) {
	found, err := token.FindKeyPairs(uri.id, uri.object)
	if err != nil {
		return nil, fmt.Errorf("look for the key in the token: %w", err)
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("the token has %d key pairs of that object and id, private and public key with the same id; name one", len(found))
	}
	return signer.FromCrypto(found[0])
}

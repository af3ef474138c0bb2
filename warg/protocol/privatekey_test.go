package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
)

func TestPrivateKeyIsNotPrinted(t *testing.T) {
	key := testKey(t)
	secret := strings.TrimPrefix(key.Text(), signatureAlgorithm+":")
	scalar, err := key.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	holder := struct{ Key PrivateKey }{key}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", key)
		fmt.Fprintf(&out, verb+"\n", &key)
		fmt.Fprintf(&out, verb+"\n", holder)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("start", "key", key, "holder", holder)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("start", "key", key, "holder", holder)
	if err := json.NewEncoder(&out).Encode(holder); err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{secret, fmt.Sprintf("%x", scalar), new(big.Int).SetBytes(scalar).String()} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the secret shows in\n%s", &out)
		}
	}
	if !strings.Contains(out.String(), string(key.Public().ID())) {
		t.Errorf("the key id is not in\n%s", &out)
	}
}

func TestParsePrivateKeyErrorsDoNotQuote(t *testing.T) {
	secret := strings.TrimPrefix(testKey(t).Text(), signatureAlgorithm+":")
	for _, text := range []string{secret, "ecdsa:" + secret, secret + ":x", "ecdsa-p256:" + secret + "=", "ecdsa-p256:" + secret[20:]} {
		_, err := ParsePrivateKey(text)
		if err == nil || strings.Contains(err.Error(), secret[20:36]) {
			t.Errorf("error is %v", err)
		}
	}
}

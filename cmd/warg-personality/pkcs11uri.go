//go:build pkcs11 && cgo

package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/files"
)

// maxPIN is the size in bytes of the largest file with a PIN that is read.
const maxPIN = 4 << 10

// pkcs11URI says where a key is, and how to get to it: what is used here of RFC 7512.
type pkcs11URI struct {
	token, serial string // one of them
	object, id    []byte // one of them, or both
	module        string // path of the token's library
	pin           string
}

// parsePKCS11 parses a URI and reads the PIN that it names. Errors quote nothing of
// it that may be a part of a PIN.
func parsePKCS11(text string) (uri pkcs11URI, err error) {
	rest, ok := strings.CutPrefix(text, "pkcs11:")
	if !ok {
		return uri, errors.New("it is no pkcs11: URI, such as pkcs11:token=warg;object=operator?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/secrets/pin")
	}
	path, query, _ := strings.Cut(rest, "?")
	var pinSource string
	known := map[string]func(string){
		"token": func(v string) { uri.token = v }, "serial": func(v string) { uri.serial = v },
		"object": func(v string) { uri.object = []byte(v) }, "id": func(v string) { uri.id = []byte(v) },
		"module-path": func(v string) { uri.module = v },
		"pin-value":   func(v string) { uri.pin = v }, "pin-source": func(v string) { pinSource = v },
		"type": func(string) {}, // of the object: keys are private
	}
	for _, attribute := range append(strings.Split(path, ";"), strings.Split(query, "&")...) {
		if attribute == "" {
			continue
		}
		name, escaped, _ := strings.Cut(attribute, "=")
		set := known[name]
		if set == nil { // or it was there before
			return uri, errors.New("it has an attribute twice, or one that is not known here: there are token, serial, object, id, type, module-path, pin-source and pin-value; write & and ; in a value as %26 and %3b")
		}
		delete(known, name)
		value, err := url.PathUnescape(escaped)
		if err != nil || value == "" {
			return uri, fmt.Errorf("the attribute %s has no value, or one that is not percent-encoded", name)
		}
		set(value)
	}
	switch {
	case (uri.token == "") == (uri.serial == ""):
		return uri, errors.New("it has to name the token, by token or serial")
	case uri.object == nil && uri.id == nil:
		return uri, errors.New("it has to name the key, by object or id")
	case uri.module == "":
		return uri, errors.New("it has to name the token's library, by module-path")
	case (uri.pin == "") == (pinSource == ""):
		return uri, errors.New("it has to give the PIN, by pin-source (a file) or pin-value")
	case pinSource == "":
		return uri, nil
	}
	data, err := files.Read(strings.TrimPrefix(pinSource, "file:"), maxPIN)
	if err != nil {
		return uri, fmt.Errorf("pin-source: %w", err)
	}
	if uri.pin = strings.TrimRight(string(data), "\r\n"); uri.pin == "" {
		return uri, errors.New("pin-source: the file is empty")
	}
	return uri, nil
}

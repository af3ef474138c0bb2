package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// unmarshal parses data and gives the value to read. All of data must be UTF-8.
func unmarshal(data []byte, read func(serde.Value) error) error {
	if !utf8.Valid(data) {
		return errors.New("the text is not UTF-8")
	}
	return serde.Unmarshal(data, read)
}

// readBase64 reads a string of standard base64 with padding and nothing else.
func readBase64(v serde.Value) ([]byte, error) {
	s, err := v.Text()
	if err != nil {
		return nil, err
	}
	// The decoder passes over line breaks, the reference does not.
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("invalid base64: line break")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("invalid base64: %w", err)
	}
	return b, nil
}

func readAnyHash(v serde.Value) (protocol.AnyHash, error) {
	return serde.Parsed(protocol.ParseAnyHash)(v)
}

// constant is a member that must be there and have one value.
func constant(name, want string) serde.Field {
	return serde.RequiredBy(name, func(v serde.Value) error {
		got, err := v.Text()
		if err == nil && got != want {
			err = fmt.Errorf("unknown variant `%s`, expected `%s`", got, want)
		}
		return err
	})
}

package api

import (
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// errorBody has the members of an error body. The reference does not look at a
// type tag but tries one form after the other until one fits, so a member that
// is absent, comes twice or has another type only means that a form does not
// fit; the methods therefore answer with a bool.
type errorBody struct {
	api     string // for messages
	text    string
	members map[string][]serde.Value
}

func readErrorBody(data []byte, api string) (errorBody, error) {
	body := errorBody{api: api, text: string(data), members: map[string][]serde.Value{}}
	err := unmarshal(data, func(v serde.Value) error {
		return v.Object(func(name string, v serde.Value) error {
			body.members[name] = append(body.members[name], v)
			return nil
		})
	})
	if err != nil {
		return body, fmt.Errorf("error body of the %s API: %w", api, err)
	}
	return body, nil
}

func member[T any](b errorBody, name string, read func(serde.Value) (T, error)) (t T, ok bool) {
	values := b.members[name]
	if len(values) != 1 {
		return t, false
	}
	t, err := read(values[0])
	return t, err == nil
}

func (b errorBody) string(name string) (string, bool) { return member(b, name, serde.Value.Text) }
func (b errorBody) number(name string) (uint64, bool) { return member(b, name, serde.Value.Uint64) }
func (b errorBody) hash(name string) (protocol.AnyHash, bool) {
	return member(b, name, readAnyHash)
}

func (b errorBody) hasStatus(want uint16) bool {
	status, ok := member(b, "status", serde.Value.Uint16)
	return ok && status == want
}

// entity gives the type member if it is one of the known ones.
func (b errorBody) entity(known ...string) (string, bool) {
	entity, ok := b.string("type")
	return entity, ok && slices.Contains(known, entity)
}

// message reads the form that has only a text, the last one that is tried.
func (b errorBody) message() (status uint16, message string, err error) {
	status, ok := member(b, "status", serde.Value.Uint16)
	message, alsoOK := b.string("message")
	if !ok || !alsoOK {
		return 0, "", fmt.Errorf("%s is not an error body of the %s API", b.text, b.api)
	}
	return status, message, nil
}

// invalid is the error for a form that fits with a member that does not.
func (b errorBody) invalid(name, want string) error {
	return fmt.Errorf("error body %s of the %s API: %s is not %s", b.text, b.api, name, want)
}

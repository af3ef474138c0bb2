package registry

import (
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// WithheldError: the operator withholds the bytes of a content. It says so in a signed
// statement, which is public.
type WithheldError struct{ Statement withheld.Statement }

func (e *WithheldError) Error() string {
	s := e.Statement
	text := fmt.Sprintf("content %s is withheld by the operator of this registry since %s: %s", s.Digest, s.Time.Format(time.DateOnly), s.Reason)
	if s.Reference != "" {
		text += " (" + s.Reference + ")"
	}
	return text
}

// CheckWithheld returns a [*WithheldError] if the operator withholds a content.
func CheckWithheld(tx *store.Tx, digest protocol.Hash) error {
	text, err := tx.StatementOn(digest)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	var s withheld.Signed
	if err == nil {
		err = s.UnmarshalJSON(text)
	}
	if err != nil {
		return fmt.Errorf("read the statement on content %s: %w", digest, err)
	}
	if s.Action == withheld.Release {
		return nil
	}
	return &WithheldError{s.Statement}
}

// Statements returns the operator's statements on content from a number on: up to count.
func Statements(tx *store.Tx, from uint64, count int) ([]withheld.Signed, error) {
	texts, err := tx.Statements(from, count)
	if err != nil {
		return nil, err
	}
	all := make([]withheld.Signed, len(texts))
	for i, text := range texts {
		if err := all[i].UnmarshalJSON(text); err != nil {
			return nil, fmt.Errorf("read statement %d on content: %w", from+uint64(i), err)
		}
	}
	return all, nil
}

// Origin returns what a registry is known by: the id of the first record of its operator
// log; [store.ErrNotFound] before there is one.
func Origin(tx *store.Tx) (protocol.Hash, error) {
	row, err := tx.Log(protocol.OperatorLogID())
	if err != nil {
		return protocol.Hash{}, fmt.Errorf("read the operator log: %w", err)
	}
	first, err := tx.RecordAt(row.ID, 0)
	if err != nil {
		return protocol.Hash{}, fmt.Errorf("read the first record of the operator log: %w", err)
	}
	return first.RecordID, nil
}

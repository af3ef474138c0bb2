package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/store"
)

// testStatements: statements stay in their order, the newest on a content counts, and a
// number is given once.
func testStatements(t *testing.T, db *store.DB) {
	view(t, db, func(tx *store.Tx) error {
		count, err := tx.StatementCount()
		equal(t, "count without statements", count, 0)
		if _, err := tx.StatementOn(hash("a")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("on what there is no statement: %v", err)
		}
		return err
	})
	for i, on := range []string{"a", "b", "a"} {
		update(t, db, func(tx *store.Tx) error { return tx.InsertStatement(uint64(i), hash(on), []byte{byte('0' + i)}) })
	}
	view(t, db, func(tx *store.Tx) error {
		count, err := tx.StatementCount()
		equal(t, "count", count, 3)
		all, err2 := tx.Statements(0, 10)
		equal(t, "all", all, [][]byte{[]byte("0"), []byte("1"), []byte("2")})
		some, err3 := tx.Statements(1, 1)
		equal(t, "one", some, [][]byte{[]byte("1")})
		a, err4 := tx.StatementOn(hash("a"))
		equal(t, "on a", string(a), "2")
		return errors.Join(err, err2, err3, err4)
	})
	failed := errors.New("the test ends it")
	tries := 0
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		if tries++; tries > 1 {
			return failed
		}
		return tx.InsertStatement(2, hash("b"), []byte("other"))
	})
	if err == nil {
		t.Error("a number was given twice")
	}
	view(t, db, func(tx *store.Tx) error {
		b, err := tx.StatementOn(hash("b"))
		equal(t, "on b", string(b), "1")
		return err
	})
}

package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/store"
)

func testTransactions(t *testing.T, db *store.DB) {
	boom := errors.New("boom")
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		return errors.Join(tx.SetMeta("undone", []byte{1}), boom)
	})
	if !errors.Is(err, boom) {
		t.Errorf("error of a transaction: %v", err)
	}
	// A view sees the database as it was when it first looked.
	view(t, db, func(tx *store.Tx) error {
		_, err := tx.Meta("undone")
		notFound(t, "undone change", err)
		update(t, db, func(tx *store.Tx) error { return tx.SetMeta("later", []byte{1}) })
		_, err = tx.Meta("later")
		notFound(t, "change made meanwhile", err)
		return nil
	})
	ended, end := context.WithCancel(context.Background())
	end()
	if err := db.Update(ended, func(*store.Tx) error { t.Error("ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("update with a context that has ended: %v", err)
	}
}

// testFailures: a transaction of which a statement failed does not go on, and
// is not committed, whatever f makes of it.
func testFailures(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error { return tx.SetMeta("there", []byte{1}) })
	var after error
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.SetMeta("before", []byte{1}); err != nil {
			return err
		}
		if err := tx.SetMeta("there", []byte{2}); err == nil {
			t.Error("a fact was stored twice")
		}
		after = tx.SetMeta("after", []byte{1})
		return nil
	})
	if err == nil || after == nil {
		t.Errorf("after a statement that failed: the next one %v, the transaction %v, want errors", after, err)
	}
	view(t, db, func(tx *store.Tx) error {
		for _, name := range []string{"before", "after"} {
			_, err := tx.Meta(name)
			notFound(t, name, err)
		}
		return nil
	})
}

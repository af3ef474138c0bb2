package discovery

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// What is kept in the table meta.
const (
	metaPosition   = "position"   // records that were read
	metaFirst      = "first"      // id of the first of them: by it a registry is known
	metaLast       = "last"       // log id and record id of the last
	metaStatements = "statements" // operator's statements that were read
	metaPurged     = "purged"     // heads are known for lengths from here on
	metaPackages   = "packages"   // how many there are, and so on
	metaFound      = "found"      // packages with a newest release by the default wish
	metaReleases   = "releases"
	metaNamespaces = "namespaces"
	metaKeys       = "keys"
)

func (t tx) number(name string) (n uint64, err error) {
	_, err = t.row(`SELECT value FROM meta WHERE name = ?`, []any{name}, &n)
	return n, err
}

func (t tx) text(name string) (text string, err error) {
	_, err = t.row(`SELECT value FROM meta WHERE name = ?`, []any{name}, &text)
	return text, err
}

func (t tx) set(name string, value any) error {
	return t.do(`INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, name, value)
}

func (t tx) add(name string, n int64) error {
	return t.do(`INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value`, name, n)
}

// leafName is what tells one record from another in the log.
func leafName(named tlog.NamedEnvelope, envelope protocol.Envelope) string {
	if named.Name == "" {
		return " " + protocol.OperatorRecordID(envelope.Content).String()
	}
	return named.Name + " " + protocol.PackageRecordID(envelope.Content).String()
}

// check compares the index with the log: an error that wraps errRemake if it is not of it.
func (x *Index) check(ctx context.Context, db *database) error {
	var position uint64
	var first, last string
	err := db.view(ctx, func(t tx) (err error) {
		if position, err = t.number(metaPosition); err != nil {
			return err
		}
		if first, err = t.text(metaFirst); err != nil {
			return err
		}
		last, err = t.text(metaLast)
		return err
	})
	if err != nil {
		return damage(fmt.Errorf("read where the index is: %w", err))
	}
	x.position.Store(position)
	if position == 0 {
		return nil
	}
	length, err := x.length(ctx)
	if err != nil {
		return err
	}
	if length < position {
		return fmt.Errorf("%w: it has %d records, and the log %d: the log is another one, or was restored", errRemake, position, length)
	}
	for _, at := range []struct {
		index uint64
		want  string
	}{{0, first}, {position - 1, last}} {
		found, err := x.leafAt(ctx, at.index)
		if err != nil {
			return err
		}
		if found != at.want {
			return fmt.Errorf("%w: record %d of the log is another one than it has read: the registry is another one, or was restored", errRemake, at.index)
		}
	}
	return nil
}

func (x *Index) leafAt(ctx context.Context, index uint64) (string, error) {
	named, err := x.options.Log.Envelopes(ctx, index, 1, 1)
	if err == nil && len(named) == 0 {
		err = errors.New("the log has no such record")
	}
	if err != nil {
		return "", fmt.Errorf("read record %d of the log: %w", index, err)
	}
	envelope, err := protocol.UnmarshalEnvelopeProto(named[0].Envelope)
	if err != nil {
		return "", fmt.Errorf("read record %d of the log: %w", index, err)
	}
	return leafName(named[0], envelope), nil
}

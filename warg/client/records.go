package client

import (
	"context"
	"encoding/json"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// LoggedRecord is a record of a package as it stands in the registry's log.
type LoggedRecord struct {
	// Index is where the registry says that the record is in its log. Only that of the
	// package's last record is proved; [Client.RecordIndex] proves one of the others.
	Index    uint64
	ID       protocol.Hash
	Envelope protocol.Envelope
	Record   *protocol.PackageRecord // what the envelope holds
}

// Records returns all records of a package's log from its first, verified as
// [Client.Package] does it, with the package that they make. They are read anew,
// whatever is remembered, and must have what is.
func (c *Client) Records(ctx context.Context, name protocol.PackageName) ([]LoggedRecord, *Package, error) {
	raw, err := c.read(ctx, packageStoreName(name))
	if err != nil {
		return nil, nil, err
	}
	if raw, err = withoutState(raw); err != nil {
		return nil, nil, &StoreError{packageStoreName(name), err}
	}
	log, err := newPackageView(name, raw)
	if err != nil {
		return nil, nil, err
	}
	var all []LoggedRecord
	log.visit = func(index uint64, id protocol.Hash, envelope protocol.Envelope) {
		all = append(all, LoggedRecord{Index: index, ID: id, Envelope: envelope})
	}
	p, err := c.viewPackage(ctx, log)
	if err != nil {
		return nil, nil, err
	}
	for i := range all {
		if all[i].Record, err = protocol.DecodePackageRecord(all[i].Envelope.Content); err != nil {
			return nil, nil, err
		}
	}
	return all, p, nil
}

// WaitFor returns when a record that was posted earlier, perhaps by another program, is
// published and proved to be in its log. See [Client.Wait].
func (c *Client) WaitFor(ctx context.Context, name protocol.PackageName, record protocol.Hash) (*Package, error) {
	raw, err := c.read(ctx, packageStoreName(name))
	if err != nil {
		return nil, err
	}
	if raw, err = withoutState(raw); err != nil {
		return nil, &StoreError{packageStoreName(name), err}
	}
	return c.Wait(ctx, &Record{Name: name, ID: record, base: raw, signed: []protocol.Hash{record}})
}

// withoutState leaves of a log that is remembered its head, so that it is read from the
// beginning.
func withoutState(raw []byte) ([]byte, error) {
	if raw == nil {
		return nil, nil
	}
	var r remembered
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, err
	}
	r.State = nil
	return json.Marshal(r)
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Names in the store.
const (
	checkpointName = "checkpoint"
	operatorName   = "operator"
)

func packageStoreName(name protocol.PackageName) string {
	return "package/" + name.Namespace() + "/" + name.Name()
}

// chain is the state of a log: of a package, or of the operator.
type chain interface {
	Head() (id protocol.Hash, t protocol.Time, ok bool)
	// next validates the log's next record and takes it in.
	next(protocol.Envelope) (id protocol.Hash, err error)
	json.Marshaler
	json.Unmarshaler
}

// packageChain is a [chain] of a package.
type packageChain struct{ protocol.PackageLog }

func (l *packageChain) next(e protocol.Envelope) (id protocol.Hash, err error) {
	record, err := protocol.ParsePackageEnvelope(e)
	if err != nil {
		return id, err
	}
	return record.ID, l.Validate(record)
}

// operatorChain is a [chain] of the operator.
type operatorChain struct {
	protocol.OperatorLog
	first protocol.PublicKey // that the log begins with; zero if it is empty
}

func (l *operatorChain) next(e protocol.Envelope) (id protocol.Hash, err error) {
	record, err := protocol.ParseOperatorEnvelope(e)
	if err != nil {
		return id, err
	}
	if err := l.Validate(record); err != nil {
		return id, err
	}
	if l.first.IsZero() {
		// The protocol lets anybody sign an init with somebody's key in it.
		if l.first = record.Record.Entries[0].Key; l.first.ID() != e.KeyID {
			return id, fmt.Errorf("the log begins with key %s, but is signed by %s", l.first.ID(), e.KeyID)
		}
	}
	return record.ID, nil
}

// logView is a log as far as it was read, and how to go on from there. It is
// used by one call.
type logView struct {
	id    protocol.Hash
	name  protocol.PackageName // of a package log
	store string               // name in the store
	claim Claim                // what does not hold if a record is wrong
	state chain
	index uint64 // of the head in the registry's log; nothing if there is no head
	token string // asks for what follows the head; "": from the beginning

	// pass is the head that is remembered, if its state is not: the log has to
	// be read from the beginning, and to have this record.
	pass *protocol.Hash
	// known says that a head of this log is remembered, and knownIndex where it is.
	known      bool
	knownIndex uint64
	// read is the records that were read now, with their indexes.
	read map[protocol.Hash]uint64
	// visit, unless nil, gets each record that was read now.
	visit func(index uint64, id protocol.Hash, envelope protocol.Envelope)
}

// remembered is a log in the store.
type remembered struct {
	Head     protocol.Hash       `json:"head"`
	Index    uint64              `json:"registryIndex"`
	Token    string              `json:"fetchToken"`
	FirstKey *protocol.PublicKey `json:"firstKey,omitempty"` // of the operator log
	// State is the reference's form of a log's state, which has none for times
	// before 1970; absent then.
	State json.RawMessage `json:"state,omitempty"`
}

func (c *Client) operatorView(ctx context.Context) (*logView, error) {
	v := newOperatorView()
	raw, err := c.read(ctx, v.store)
	if err != nil {
		return nil, err
	}
	return v, v.restore(raw)
}

func newOperatorView() *logView {
	return &logView{id: protocol.OperatorLogID(), store: operatorName, claim: ClaimOperatorLog, state: new(operatorChain)}
}

func (c *Client) packageView(ctx context.Context, name protocol.PackageName) (*logView, error) {
	raw, err := c.read(ctx, packageStoreName(name))
	if err != nil {
		return nil, err
	}
	return newPackageView(name, raw)
}

// newPackageView makes a view of what is remembered; nil for nothing.
func newPackageView(name protocol.PackageName, raw []byte) (*logView, error) {
	v := &logView{id: name.LogID(), name: name, store: packageStoreName(name), claim: ClaimPackageLog, state: new(packageChain)}
	return v, v.restore(raw)
}

// head returns the id of the last record; ok is false if there is none.
func (v *logView) head() (id protocol.Hash, ok bool) {
	id, _, ok = v.state.Head()
	return id, ok
}

func (v *logView) restore(raw []byte) error {
	v.read = map[protocol.Hash]uint64{}
	if raw == nil {
		return nil
	}
	var r remembered
	if err := json.Unmarshal(raw, &r); err != nil {
		return &StoreError{v.store, err}
	}
	if r.Head == (protocol.Hash{}) { // as of null and {}
		return &StoreError{v.store, errors.New("it names no head")}
	}
	v.known, v.knownIndex = true, r.Index
	if r.State == nil {
		v.pass = &r.Head
		return nil
	}
	if err := v.state.UnmarshalJSON(r.State); err != nil {
		return &StoreError{v.store, err}
	}
	if head, ok := v.head(); !ok || head != r.Head {
		return &StoreError{v.store, errors.New("it is not the state that its head says; remove it to read the log anew")}
	}
	if o, ok := v.state.(*operatorChain); ok {
		if r.FirstKey == nil {
			return &StoreError{v.store, errors.New("it lacks the key that the log begins with; remove it to read the log anew")}
		}
		o.first = *r.FirstKey
	}
	v.index, v.token = r.Index, r.Token
	return nil
}

func (v *logView) marshal() ([]byte, error) {
	head, _ := v.head()
	r := remembered{Head: head, Index: v.index, Token: v.token}
	if o, ok := v.state.(*operatorChain); ok {
		r.FirstKey = &o.first
	}
	if state, err := v.state.MarshalJSON(); err == nil {
		r.State = state
	}
	return json.Marshal(r)
}

// remember stores a log that was verified, unless more of it was stored meanwhile.
func (c *Client) remember(ctx context.Context, v *logView) error {
	if len(v.read) == 0 {
		return nil
	}
	value, err := v.marshal()
	if err != nil {
		return err
	}
	for {
		old, err := c.read(ctx, v.store)
		if err != nil {
			return err
		}
		if old != nil {
			var r remembered
			if err := json.Unmarshal(old, &r); err != nil {
				return &StoreError{v.store, err}
			}
			if r.Index >= v.index {
				return nil
			}
		}
		if err := c.replace(ctx, v.store, old, value); !errors.Is(err, ErrChanged) {
			return err
		}
	}
}

func (c *Client) read(ctx context.Context, name string) ([]byte, error) {
	value, err := c.options.Store.Read(ctx, name)
	if err != nil {
		return nil, &StoreError{name, err}
	}
	return value, nil
}

func (c *Client) replace(ctx context.Context, name string, old, value []byte) error {
	err := c.options.Store.Replace(ctx, name, old, value)
	if err != nil && !errors.Is(err, ErrChanged) {
		return &StoreError{name, err}
	}
	return err
}

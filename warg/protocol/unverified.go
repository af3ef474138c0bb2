package protocol

// UnverifiedPackageRecord is a package record of which only the form, the header
// and a leading init are decoded: what it takes to check its signature. Decoding
// the rest is expensive, for each key in a grant is a point of the curve, so a
// server asks first who signed. It is not safe for concurrent use.
type UnverifiedPackageRecord struct {
	envelope Envelope
	prev     AnyHash
	time     Time
	count    int
	init     *PackageEntry // the first entry, if it is an init
	verdict  verdict
}

// OpenPackageEnvelope decodes as much of the record in an envelope as a signature
// is checked with, and does not check it: its cost grows with the
// number of bytes only. What it refuses, it refuses with the error of
// [ParsePackageEnvelope].
func OpenPackageEnvelope(env Envelope) (*UnverifiedPackageRecord, error) {
	wire, err := decodeWireRecord(env.Content, &packageShapes, 1)
	if err != nil {
		return nil, err
	}
	u := &UnverifiedPackageRecord{envelope: env, count: wire.count}
	if u.prev, u.time, err = wire.header(); err != nil {
		return nil, err
	}
	if wire.count > 0 && wire.entries[0].field == packageInit {
		init, err := packageEntryOf(&wire.entries[0])
		if err != nil {
			return nil, err
		}
		u.init = &init
	}
	return u, nil
}

// Envelope returns what was opened.
func (u *UnverifiedPackageRecord) Envelope() Envelope { return u.envelope }

// KeyID returns the id of the key that is said to have signed.
func (u *UnverifiedPackageRecord) KeyID() KeyID { return u.envelope.KeyID }

// Size returns the length of the record's encoding in bytes.
func (u *UnverifiedPackageRecord) Size() int { return len(u.envelope.Content) }

// EntryCount returns the number of entries.
func (u *UnverifiedPackageRecord) EntryCount() int { return u.count }

// Prev returns the id of the record that this one follows; it is empty in a
// record that is meant to begin a log.
func (u *UnverifiedPackageRecord) Prev() AnyHash { return u.prev }

// Time returns the time of the record, as claimed by its author.
func (u *UnverifiedPackageRecord) Time() Time { return u.time }

// InitKey returns the key of the init that the record begins with, if it does.
// It is the key that such a record must be signed by.
func (u *UnverifiedPackageRecord) InitKey() (PublicKey, bool) {
	if u.init == nil {
		return PublicKey{}, false
	}
	return u.init.Key, true
}

// VerifySignature returns [ErrSignature] unless the envelope's signature is by
// key. The verdict is remembered, by what [UnverifiedPackageRecord.Decode] returns
// too.
func (u *UnverifiedPackageRecord) VerifySignature(key PublicKey) error {
	return u.verdict.verify(key, PackageRecordSignature, &u.envelope)
}

// Decode decodes the whole record. Result and errors are those of
// [ParsePackageEnvelope]. It does not ask whether the signature was checked.
func (u *UnverifiedPackageRecord) Decode() (*SignedPackageRecord, error) {
	record, err := decodePackageRecord(u.envelope.Content, u.init)
	if err != nil {
		return nil, err
	}
	return &SignedPackageRecord{
		Envelope: u.envelope,
		Record:   record,
		ID:       PackageRecordID(u.envelope.Content),
		verdict:  u.verdict,
	}, nil
}

package protocol

// SignedPackageRecord is a package record in its envelope, decoded once. It is
// not safe for concurrent use.
type SignedPackageRecord struct {
	Envelope Envelope
	Record   *PackageRecord
	ID       Hash // over Envelope.Content as received

	verdict verdict
}

// ParsePackageEnvelope decodes the record in an envelope. It does not check the
// signature.
func ParsePackageEnvelope(env Envelope) (*SignedPackageRecord, error) {
	record, err := DecodePackageRecord(env.Content)
	if err != nil {
		return nil, err
	}
	return &SignedPackageRecord{Envelope: env, Record: record, ID: PackageRecordID(env.Content)}, nil
}

// VerifySignature returns [ErrSignature] unless the envelope's signature is by
// key. It remembers the verdict, so that [PackageLog.Validate] need not do the
// work again: a server can do it outside its transaction.
func (r *SignedPackageRecord) VerifySignature(key PublicKey) error {
	return r.verdict.verify(key, PackageRecordSignature, &r.Envelope)
}

// SignedOperatorRecord is an operator record in its envelope, decoded once. It
// is not safe for concurrent use.
type SignedOperatorRecord struct {
	Envelope Envelope
	Record   *OperatorRecord
	ID       Hash // over Envelope.Content as received

	verdict verdict
}

// ParseOperatorEnvelope decodes the record in an envelope. It does not check the
// signature.
func ParseOperatorEnvelope(env Envelope) (*SignedOperatorRecord, error) {
	record, err := DecodeOperatorRecord(env.Content)
	if err != nil {
		return nil, err
	}
	return &SignedOperatorRecord{Envelope: env, Record: record, ID: OperatorRecordID(env.Content)}, nil
}

// VerifySignature returns [ErrSignature] unless the envelope's signature is by
// key, and remembers the verdict.
func (r *SignedOperatorRecord) VerifySignature(key PublicKey) error {
	return r.verdict.verify(key, OperatorRecordSignature, &r.Envelope)
}

// verdict is the outcome of verifying one signature with one key, the last that
// was asked about.
type verdict struct {
	key   PublicKey
	holds bool
}

func (v *verdict) verify(key PublicKey, prefix SignaturePrefix, env *Envelope) error {
	if v.key.IsZero() || !v.key.Equal(key) {
		v.key, v.holds = key, key.Verify(prefix, env.Content, env.Signature)
	}
	if !v.holds {
		return ErrSignature
	}
	return nil
}

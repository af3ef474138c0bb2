package protocol

// OperatorLogID returns the id of the operator log. It is the same in every
// registry.
func OperatorLogID() Hash {
	return HashOf([]byte("WARG-OPERATOR-LOG-ID-V0"))
}

// PackageRecordID returns the id of a package record. content must be the bytes
// as received and signed, never a re-encoding of what they decode to.
func PackageRecordID(content []byte) Hash {
	return HashOf([]byte("WARG-PACKAGE-LOG-RECORD-V0:"), content)
}

// OperatorRecordID returns the id of an operator record, over the bytes as
// received.
func OperatorRecordID(content []byte) Hash {
	return HashOf([]byte("WARG-OPERATOR-LOG-RECORD-V0:"), content)
}

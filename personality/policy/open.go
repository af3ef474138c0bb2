package policy

import "github.com/warg-trillian/warg-trillian/warg/protocol"

// OpenRecord is what admission does first with a posted envelope. It checks the
// size of the record, decodes as much as a signature is checked with, and checks
// the number of entries: none of it costs more than reading the bytes. Then, in
// this order, admission
//
//  1. finds the key whose signature the record must have: the one with the
//     record's key id that the log knows ([protocol.StateKey] finds it in a stored
//     state), else [protocol.UnverifiedPackageRecord.InitKey], and refuses a record
//     that has neither,
//  2. refuses a record whose signature is not by that key,
//  3. decodes the rest with [protocol.UnverifiedPackageRecord.Decode], which takes
//     a square root for each key,
//  4. asks [NotAhead], [Admit] and the protocol.
//
// The error is a [RejectionError] if the record is too large, else that of
// [protocol.OpenPackageEnvelope]: it is no record.
func OpenRecord(envelope protocol.Envelope) (*protocol.UnverifiedPackageRecord, error) {
	if err := checkSize(len(envelope.Content)); err != nil {
		return nil, err
	}
	record, err := protocol.OpenPackageEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	if err := checkEntryCount(record.EntryCount()); err != nil {
		return nil, err
	}
	return record, nil
}

func checkSize(n int) error {
	if n > MaxRecordSize {
		return rejection("the record has %d bytes, more than %d", n, MaxRecordSize)
	}
	return nil
}

func checkEntryCount(n int) error {
	if n > MaxEntries {
		return rejection("the record has %d entries, more than %d", n, MaxEntries)
	}
	return nil
}

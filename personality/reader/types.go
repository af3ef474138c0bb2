package reader

import "github.com/warg-trillian/warg-trillian/warg/protocol"

// PublishedRecord is one record of a log as readers fetch it.
type PublishedRecord struct {
	RecordID      protocol.Hash // also the fetch token
	Envelope      protocol.Envelope
	RegistryIndex uint64
	stored        int // bytes of the envelope in the database
}

// FetchLogsRequest asks for the records of logs behind their fetch tokens.
type FetchLogsRequest struct {
	LogLength uint64 // length of a signed checkpoint; records at or beyond it are left out
	Limit     int    // records per log, 1 to 1000
	Operator  string // fetch token: the last operator record known, or empty
	Packages  []PackageLogCursor
}

// PackageLogCursor is a package log and the fetch token of the last record of
// it that is known; an empty token begins at the first record.
type PackageLogCursor struct {
	LogID      protocol.Hash
	FetchToken string
}

// FetchLogsResponse has the operator's records, and per package log (in the
// order of the request) its records, oldest first.
type FetchLogsResponse struct {
	More     bool // some log has Limit records or more: ask again from the last one
	Operator []PublishedRecord
	Packages []PackageRecords
}

// PackageRecords are records of one package log.
type PackageRecords struct {
	LogID   protocol.Hash
	Records []PublishedRecord
}

// NamedLog is a log id with its package name, empty if no such package is
// published here.
type NamedLog struct {
	LogID protocol.Hash
	Name  string
}

// Verdict is what became of checking a part of a checkpoint.
type Verdict uint8

// The verdicts.
const (
	Unverified Verdict = iota // it could not be checked
	Verified
	Invalid
)

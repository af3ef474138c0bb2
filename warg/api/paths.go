package api

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Paths without parameters, relative to the registry's URL (no leading slash).
const (
	FetchLogsPath         = "v1/fetch/logs"       // POST
	FetchCheckpointPath   = "v1/fetch/checkpoint" // GET
	FetchPackageNamesPath = "v1/fetch/names"      // POST
	LedgerSourcesPath     = "v1/ledger"           // GET
	ProveConsistencyPath  = "v1/proof/consistency"
	ProveInclusionPath    = "v1/proof/inclusion"
	VerifyCheckpointPath  = "v1/verify/checkpoint"               // POST
	OperatorRecordsPath   = "v1/operator/record"                 // POST; of this project's registries
	WellKnownPath         = ".well-known/wasm-pkg/registry.json" // GET
)

// PublishRecordPath is where records are posted to a package log.
func PublishRecordPath(logID protocol.Hash) string {
	return fmt.Sprintf("v1/package/%s/record", logID)
}

// PackageRecordPath is where the state of a record is asked.
func PackageRecordPath(logID, recordID protocol.Hash) string {
	return fmt.Sprintf("v1/package/%s/record/%s", logID, recordID)
}

// OperatorRecordPath is where the state of an operator record is asked.
func OperatorRecordPath(recordID protocol.Hash) string {
	return OperatorRecordsPath + "/" + recordID.String()
}

// UploadContentPath is where content of a record is posted. Clients do not
// build it: they get it with the missing content of a [PackageRecord].
func UploadContentPath(logID, recordID, digest protocol.Hash) string {
	return fmt.Sprintf("v1/package/%s/record/%s/content/%s", logID, recordID, digest)
}

// ContentSourcesPath is where the sources of content are asked.
func ContentSourcesPath(digest protocol.Hash) string { return fmt.Sprintf("v1/content/%s", digest) }

// LedgerRecordsPath is where packed ledger records from start on are fetched.
func LedgerRecordsPath(start uint64) string { return fmt.Sprintf("v1/ledger/records/%d", start) }

// Package api holds what goes over the wire in version 1 of the warg HTTP API:
// paths, header names, request and response bodies, error bodies. The server
// and the Go client share it. It is pure: no I/O, no HTTP.
//
// The reference is the Rust crate warg-api 0.10.0; its files and names are
// mirrored here. The JSON text that a type writes is the reference's, byte for
// byte: members in declared order, optional ones left out, nothing escaped that
// JSON does not require. A type reads what the reference reads and refuses
// what it refuses: member names are matched exactly, a known member must not
// come twice, unknown members are ignored (only [FetchLogsRequest] refuses
// them), null stands only for what is optional, integers are in range and have
// no fraction. The exceptions: a Rust struct may also be read from a JSON list
// and a Rust enum from an object with one member, which no client sends and
// which is refused here, and text that is not UTF-8 is refused everywhere.
//
// Hashes in bodies are [protocol.AnyHash]: the reference takes any even number
// of hex digits when it reads, and minds their number when it looks for them.
package api

import "encoding/json"

// Header names of the API (HTTP header names are case-insensitive).
const (
	// RegistryHeader, on a request, names the registry (a domain) that the
	// request is about when that is not the one that is asked.
	RegistryHeader = "warg-registry"
	// RegistryHintHeader, on an answer to a log that was not found, names a
	// registry to ask instead: "<namespace>=<domain>".
	RegistryHintHeader = "warg-registry-hint"
)

// Body is a request, response or error body.
type Body interface {
	// AppendJSON appends the JSON text to b.
	AppendJSON(b []byte) []byte
	json.Marshaler
}

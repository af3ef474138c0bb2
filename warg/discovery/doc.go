// Package discovery holds the wire types of the discovery API: what a registry says of
// the packages that it has, so that people find one and see what is in it.
//
// Nothing of it is proved by the log. It is derived from content whose digest is in the
// log, and from the records, by the registry that answers. What a user relies on has to be
// checked: each item names its record and registry index, by which it can be proved
// (packages recordproof and client), and the digest of the content that it was read from.
//
// All text comes from packages and is hostile until it is escaped: it can hold escape
// sequences of terminals, HTML, and characters that reverse the direction of text.
//
// The package is pure: no I/O, no clock. The API is described by the OpenAPI document that
// a registry serves at [OpenAPIPath].
package discovery

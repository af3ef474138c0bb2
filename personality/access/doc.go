// Package access decides who may use a private registry: by bearer tokens
// (RFC 6750), as the official client sends them after `warg login`, and by
// links that the registry itself hands out to those who have a token.
//
// Links are needed because the official client (warg-client 0.10.0, api.rs)
// sends its token with every request except the two that carry content: it
// uploads and downloads at the URLs that the registry names, without one.
package access

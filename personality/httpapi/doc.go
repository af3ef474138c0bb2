// Package httpapi serves the registry over HTTP: version 1 of the warg API, the
// content itself, both logs as static files, the OCI distribution API to read (see
// package oci), the well-known file that leads clients here, and two health checks.
// Handlers decode, call the [Registry] and encode; they have no rules.
//
// Statuses, bodies and texts are those of the reference server (warg-server,
// crates/server of bytecodealliance/registry), except:
//
//   - Content sources say the size and that ranges are served.
//   - GET content/... has an entity tag and may be cached for ever.
//   - 404 and 405 have a JSON body on every path, not only some 404.
//   - Requests are bounded by count too, not only by size: see [Options].
//   - Answers to a Warg-Registry header are JSON as all other errors; the official
//     client reads no other.
//   - The well-known file has an object for each protocol, in the form that wkg reads:
//     see [api.RegistryMetadata].
//   - A hash of the wrong length is answered like one that does not exist.
//
// The reference's openapi.yaml differs from its server: it has a PATCH of a
// record's content sources, which was never there, and 403 for what is 401.
package httpapi

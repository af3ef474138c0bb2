// Package ociimage says how a release of a warg package looks as an image of the OCI
// distribution protocol, which wkg speaks: the bytes of its config and its manifest, and
// which tag a version has. It is pure: the same release gives the same bytes, and so the
// same digests, wherever they are made.
//
// The form is that of wkg 0.16 (crate oci-wasm 0.6): one layer of the type
// application/wasm, and a config of the type application/vnd.wasm.config.v0+json. What
// wkg puts there that is not in a record, such as the time of the push, is derived from
// the record.
package ociimage

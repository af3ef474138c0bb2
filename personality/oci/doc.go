// Package oci shows what is published as repositories of the OCI distribution protocol
// (github.com/opencontainers/distribution-spec, version 1.1), to read with wkg and other
// clients: a package is the repository "<namespace>/<name>", a release is an image in the
// form of package ociimage, with the version as its tag, and the referrers of an image are
// the .tlog-proof of the release. It asks the reading part of the registry alone, and shows
// what the newest signed checkpoint covers and nothing else.
//
// A yanked release has no tag. Its image is there by digest, for those who have pinned it.
//
// Nothing is pushed here: the protocol has no place for the signature of a maintainer.
package oci

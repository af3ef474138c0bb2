package ociimage

import (
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxTag is the length of a tag at most (OCI distribution specification, "Pull").
const maxTag = 128

// Tag returns the tag of a version: the version itself, with an underscore for the plus
// sign, which tags can not have and versions have once at most, before build metadata. ok
// is false if the version is too long for a tag: such a release can be had by digest only.
func Tag(version string) (tag string, ok bool) {
	return strings.Replace(version, "+", "_", 1), len(version) <= maxTag
}

// IsTag tells whether a text has the form of a tag (OCI distribution specification,
// "Pulling manifests"). The empty text has not.
func IsTag(text string) bool {
	for i, c := range []byte(text) {
		word := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !word && (i == 0 || c != '.' && c != '-') {
			return false
		}
	}
	return text != "" && len(text) <= maxTag
}

// Version returns the version that has a tag; ok is false if no version has it.
func Version(tag string) (version string, ok bool) {
	version = strings.Replace(tag, "_", "+", 1)
	return version, len(tag) <= maxTag && !strings.Contains(tag, "+") && protocol.CheckVersion(version) == nil
}

// Repository returns what a package is called there: "<namespace>/<name>".
func Repository(name protocol.PackageName) string { return name.Namespace() + "/" + name.Name() }

// Name returns the package of a repository; ok is false if none is called so.
func Name(repository string) (name protocol.PackageName, ok bool) {
	namespace, rest, found := strings.Cut(repository, "/")
	if !found || strings.Contains(repository, ":") {
		return name, false
	}
	name, err := protocol.ParsePackageName(namespace + ":" + rest)
	return name, err == nil
}

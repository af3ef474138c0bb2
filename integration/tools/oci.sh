#!/usr/bin/env bash
# Installs what reads OCI registries beside wkg: crane, and oci-conformance, the
# conformance suite of the OCI distribution specification, with links in
# .cache/tools/bin.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

# build MODULE/PATH@VERSION COMMAND FOLDER
build() {
	# Outside of this module, so that the command's own go.mod chooses the versions.
	(cd / && GOBIN=$3/bin CGO_ENABLED=0 go install "$1") || return 1
	[[ -e $3/bin/$2 ]] || mv "$3"/bin/* "$3/bin/$2"
}

get() {
	cached "$1-${2#*@}" build "$2" "$1"
	link "$1-${2#*@}" "$1"
}

get crane github.com/google/go-containerregistry/cmd/crane@v0.21.5
# It has no releases.
get oci-conformance github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111

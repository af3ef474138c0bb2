#!/usr/bin/env bash
# Installs two witnesses that others have written, litewitness of torchwood and
# omniwitness of transparency-dev, with links in .cache/tools/bin.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

# build MODULE@VERSION COMMAND... FOLDER
build() {
	local module=$1 path command
	shift
	for command in "${@:1:$#-1}"; do
		path=${module%@*}/cmd/$command@${module#*@}
		# Outside of this module, so that the witness's own go.mod chooses the versions.
		(cd / && GOBIN=${*: -1}/bin CGO_ENABLED=0 go install "$path") || return 1
	done
}

get() {
	local name=$1 module=$2
	shift 2
	cached "$name" build "$module" "$@"
	link "$name" "$@"
}

# torchwood after 0.9.0 needs a newer Go. The other has no releases.
torchwood=v0.9.0
transparency_dev=v0.0.0-20260720115447-2e1c6971d19e
get "litewitness-$torchwood" "filippo.io/torchwood@$torchwood" litewitness
get "omniwitness-$transparency_dev" "github.com/transparency-dev/witness@$transparency_dev" omniwitness generate_keys

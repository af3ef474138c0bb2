#!/usr/bin/env bash
# Installs Trillian's own log server and signer, and puts links to them into
# .cache/tools/bin, with its MySQL schema beside them as
# .cache/tools/trillian/storage.sql.
#
# The build tag batched_queue changes the tables' use, so both commands, and all
# of them on one database, must have it.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

version=v1.8.0
module=github.com/google/trillian
commands=(trillian_log_server trillian_log_signer)

build() {
	local command
	for command in "${commands[@]}"; do
		# Outside of this module, so that Trillian's own go.mod chooses the versions.
		(cd / && GOBIN=$1/bin CGO_ENABLED=0 go install -tags batched_queue "$module/cmd/$command@$version") || return 1
	done
}

cached "trillian-$version-batched_queue" build
link "trillian-$version-batched_queue" "${commands[@]}"
source=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
install -D -m 644 "$source/storage/mysql/schema/storage.sql" "$tools/trillian/storage.sql"

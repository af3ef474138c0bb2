#!/usr/bin/env bash
# Installs Trillian's own log server and signer into .cache/tools/bin, and its
# MySQL schema beside them as .cache/tools/trillian/storage.sql. What is there
# already in the right version is left alone.
#
# The build tag batched_queue changes the tables' use, so both commands, and all
# of them on one database, must have it.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=v1.8.0
module=github.com/google/trillian
tools=$PWD/.cache/tools
commands=(trillian_log_server trillian_log_signer)

say() { echo "install: $*"; }

# installed COMMAND: whether it is there, of that version and with that tag.
installed() {
	local built
	built=$(go version -m "$tools/bin/$1" 2>/dev/null) || return 1
	grep -qP "^\tmod\t$module\t$version\t" <<<"$built" && grep -q -- '-tags=batched_queue$' <<<"$built"
}

for command in "${commands[@]}"; do
	if installed "$command"; then
		say "$command $version is there"
	else
		say "building $command $version (some minutes, once)"
		# Outside of this module, so that Trillian's own go.mod chooses the versions.
		(cd / && GOBIN=$tools/bin CGO_ENABLED=0 go install -tags batched_queue "$module/cmd/$command@$version")
	fi
done

source=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
install -D -m 644 "$source/storage/mysql/schema/storage.sql" "$tools/trillian/storage.sql"

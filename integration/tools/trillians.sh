#!/usr/bin/env bash
# Installs the Trillians that others run, for `make test-trillians`: of each version the
# log server, the signer and createtree, built as Trillian's own images build them
# (without the tag batched_queue), with its schemas, linked as .cache/tools/trillian/VERSION.
# MariaDB, and the Trillian of docker-compose.yml, come with install.sh; PostgreSQL has to
# be there.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

if ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null && ! command -v postgres >/dev/null; then
	say "PostgreSQL is missing: install it (as root: apt-get install postgresql) and run this again"
	exit 1
fi

versions=(v1.6.1 v1.7.2 v1.8.0)
module=github.com/google/trillian
commands=(trillian_log_server trillian_log_signer createtree)

# build VERSION FOLDER
build() {
	local command source storage
	for command in "${commands[@]}"; do
		# Outside of this module, so that Trillian's own go.mod chooses the versions.
		(cd / && GOBIN=$2/bin CGO_ENABLED=0 go install "$module/cmd/$command@$1") || return 1
	done
	source=$(cd / && go mod download -json "$module@$1" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
	for storage in mysql postgresql; do # the second is not in all of them
		[[ ! -e $source/storage/$storage ]] ||
			install -m 644 "$source/storage/$storage/schema/storage.sql" "$2/$storage.sql" || return 1
	done
}

mkdir -p "$tools/trillian"
for version in "${versions[@]}"; do
	cached "trillian-$version" build "$version"
	ln -sfn "$cache/trillian-$version" "$tools/trillian/$version"
done

#!/usr/bin/env bash
# Installs what integration/vitess runs, and puts links to it into .cache/tools/bin:
# Vitess's commands, etcd, and a MySQL server. Vitess takes some minutes to compile,
# and 1 GiB of memory. `make tools` leaves all of this out.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

vitess=v0.24.4
etcd=v3.6.4
commands=(vtgate vttablet vtctld vtctldclient vtorc)

# build_module MODULE VERSION FOLDER PACKAGE=COMMAND...: in a module of its own, so
# that theirs chooses the versions; go install refuses etcd's, which replaces some.
build_module() {
	local work module=$1 version=$2 into=$3 pair
	shift 3
	work=$(mktemp -d)
	(
		cd "$work"
		export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:--p=1} -mod=mod"
		go mod init built && go get "$module@$version" || exit 1
		for pair; do
			say "${pair#*=}"
			nice -n 5 go build -trimpath -o "$into/bin/${pair#*=}" "${pair%=*}" || exit 1
		done
	) || { rm -rf "$work"; return 1; }
	rm -rf "$work"
}

build_vitess() {
	local pairs=() command
	for command in "${commands[@]}"; do pairs+=("vitess.io/vitess/go/cmd/$command=$command"); done
	build_module vitess.io/vitess "$vitess" "$1" "${pairs[@]}"
}

build_etcd() { build_module go.etcd.io/etcd/server/v3 "$etcd" "$1" go.etcd.io/etcd/server/v3=etcd; }

# Debian's stable release has MariaDB only, which Vitess does not run on. The server
# of its unstable release is unpacked with the libraries that it needs, and is
# installed nowhere.
build_mysql() {
	local into=$1 apt uri file
	if ! command -v apt-get >/dev/null; then
		say "no MySQL server: set WARG_MYSQLD to the path of mysqld, of MySQL 8.0.30 or newer"
		return 1
	fi
	apt=$(mktemp -d)
	mkdir -p "$apt"/{lists,archives}/partial
	: >"$apt/status" # nothing is installed, so everything is needed
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep '/debian/*$' | sort -u | head -1)
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri sid main" >"$apt/sources"
	apt_get() {
		apt-get -qq -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" \
			-o Dir::Etc::sourcelist="$apt/sources" -o Dir::Etc::sourceparts=- -o Dir::Etc::preferencesparts=- -o Dir::Etc::preferences=- \
			-o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=false -o Debug::NoLocking=true "$@"
	}
	if ! { apt_get update && apt_get install -y --download-only mysql-server-core; }; then
		rm -rf "$apt"
		return 1
	fi
	for file in "$apt"/archives/*.deb; do dpkg-deb -x "$file" "$into" || return 1; done
	rm -rf "$apt"
	mkdir "$into/bin"
	cat >"$into/bin/mysqld" <<-'END'
		#!/bin/sh
		# Runs the server beside this file with the libraries beside it.
		root=$(dirname "$(dirname "$(readlink -f "$0")")")
		libraries=$(echo "$root"/usr/lib/*-linux-gnu)
		exec "$libraries"/ld-linux-*.so.* --library-path "$libraries" "$root/usr/sbin/mysqld" "$@" \
			--lc-messages-dir="$root/usr/share/mysql" --character-sets-dir="$root/usr/share/mysql/charsets" --plugin-dir="$root/usr/lib/mysql/plugin"
	END
	chmod 755 "$into/bin/mysqld"
	"$into/bin/mysqld" --no-defaults --version
}

cached "vitess-$vitess" build_vitess
link "vitess-$vitess" "${commands[@]}"
cached "etcd-$etcd" build_etcd
link "etcd-$etcd" etcd
if [[ -z ${WARG_MYSQLD:-} ]]; then
	cached mysql-server build_mysql
	link mysql-server mysqld
fi
# The users that Vitess's tablets have in their MySQL servers.
install -D -m 644 "$(cd / && go mod download -json "vitess.io/vitess@$vitess" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')/config/init_db.sql" \
	"$tools/vitess/init_db.sql"

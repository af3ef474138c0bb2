#!/usr/bin/env bash
# Installs what the tests run beside this project's own code: Debian packages
# (only those whose command is missing), and the official client, warg, the reference
# server, Caddy, Trillian, what reads and witnesses logs, wkg and other clients of OCI
# registries, and wasm-tools, with links in .cache/tools/bin. What is there already is left alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

warg_version=0.10.0

# need COMMAND PACKAGE: remember the Debian package if the command is missing.
missing=()
need() { PATH=$PATH:/usr/sbin command -v "$1" >/dev/null || missing+=("$2"); }

need git git # version stamps of the build
need cc gcc  # links the official client, and the race detector
need openssl openssl # signs for cmd/warg as a command that keeps the key
need softhsm2-util softhsm2 # a PKCS #11 token with the operator's key (cmd/warg-personality)
# Shells that completions are tried in, and a reader of manual pages (cmd/internal/cmdline).
need zsh zsh
need fish fish
need mandoc mandoc
# Without the packages that run MariaDB as a service of this machine: the tests
# start servers of their own (integration/mariadb).
need mariadbd mariadb-server-core
need my_print_defaults mariadb-client-core # mariadb-install-db calls it
# What docker-compose.yml runs in images (integration/compose_test.go).
need mariadb mariadb-client-core
need prometheus prometheus # brings promtool, too
need busybox busybox       # has the wget of the images
need nginx nginx-light     # another reverse proxy (integration/proxy_test.go)
# The pages in a real browser, and the verifier of /verify outside of one (18 or newer).
need node nodejs
need chromium chromium
[[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ]] || missing+=(fonts-dejavu-core) # which it draws with

if ((${#missing[@]})); then
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
		say "these Debian packages are missing: ${missing[*]}"
		say "install them (as root: apt-get install ${missing[*]}) and run this again"
		exit 1
	fi
	say "apt-get install ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	if [[ ! -e /usr/sbin/policy-rc.d ]]; then # which can keep packages from starting their services
		printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
		chmod +x /usr/sbin/policy-rc.d
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	fi
	apt-get update -qq
	apt-get install -qq -y --no-install-recommends "${missing[@]}"
fi

# The official client, and the reference server, which the auditor is tried on.
build_crate() {
	if ! command -v cargo >/dev/null; then
		say "cargo is missing: install Rust 1.81 or newer, then run this again"
		return 1
	fi
	cargo install "$1" --version "$warg_version" --locked --quiet --root "$2"
}
cached "warg-cli-$warg_version" build_crate warg-cli
link "warg-cli-$warg_version" warg
cached "warg-server-$warg_version" build_crate warg-server
link "warg-server-$warg_version" warg-server

# The reverse proxy of docker-compose.yml, in the version of its image.
caddy_version=$(sed -n 's/^ *image: caddy:\([0-9.]*\)-alpine$/\1/p' docker-compose.yml)
build_caddy() {
	# Outside of this module, so that Caddy's own go.mod chooses the versions.
	(cd / && GOBIN=$1/bin CGO_ENABLED=0 go install "github.com/caddyserver/caddy/v2/cmd/caddy@v$caddy_version")
}
cached "caddy-$caddy_version" build_caddy
link "caddy-$caddy_version" caddy

integration/tools/trillian.sh
integration/tools/witnesses.sh
integration/tools/readers.sh
integration/tools/buckets.sh
integration/tools/wkg.sh
integration/tools/oci.sh
integration/tools/web.sh
integration/tools/wasm.sh
integration/tools/discovery.sh

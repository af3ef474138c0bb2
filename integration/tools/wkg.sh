#!/usr/bin/env bash
# Installs wkg, the client of the WebAssembly package tools, twice: 0.16.1, which speaks
# OCI, and 0.15.0, the last version that speaks warg. The links in .cache/tools/bin are
# wkg-0.16.1 and wkg-0.15.0.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

# Both versions share most of their dependencies, so they share a folder to build in.
target=
trap '[[ -z $target ]] || rm -rf "$target"' EXIT

build_wkg() {
	if ! command -v cargo >/dev/null; then
		say "cargo is missing: install Rust 1.81 or newer, then run this again"
		return 1
	fi
	[[ -n $target ]] || target=$(mktemp -d)
	CARGO_TARGET_DIR=$target cargo install wkg --version "$1" --locked --quiet --root "$2" || return 1
	mv "$2/bin/wkg" "$2/bin/wkg-$1"
}

for version in 0.16.1 0.15.0; do
	cached "wkg-$version" build_wkg "$version"
	link "wkg-$version" "wkg-$version"
done

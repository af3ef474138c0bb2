#!/usr/bin/env bash
# Installs wasm-tools, which the descriptions of contents are compared with, and the
# components, WIT packages and core modules that they are compared on: those that crates
# of the Bytecode Alliance are tested with (Apache-2.0 WITH LLVM-exception), and modules of
# npm packages where npm is there (esbuild-wasm, sql.js and web-tree-sitter: MIT; jco:
# Apache-2.0 WITH LLVM-exception). The samples are in .cache/tools/wasm-samples.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

# The release of the crates in personality/content/validator.
version=1.261.0

build_wasm_tools() {
	if ! command -v cargo >/dev/null; then
		say "cargo is missing: install Rust 1.81 or newer, then run this again"
		return 1
	fi
	cargo install wasm-tools --version "$version" --locked --quiet --root "$1" \
		--no-default-features --features validate,print,parse,objdump,component,metadata
}
cached "wasm-tools-$version" build_wasm_tools
link "wasm-tools-$version" wasm-tools

# crate NAME VERSION: has cargo download and verify it, and prints the folder of its source.
crate() {
	local project=$work/$1
	mkdir -p "$project/src"
	touch "$project/src/lib.rs"
	printf '[package]\nname = "samples"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n%s = "=%s"\n[workspace]\n' \
		"$1" "$2" >"$project/Cargo.toml"
	cargo fetch --quiet --manifest-path "$project/Cargo.toml" || return 1
	echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$1-$2"
}

# gather FOLDER: fills it with components/, wit/ and modules/.
gather() {
	local out=$1 work folder file name tool=$tools/bin/wasm-tools
	work=$(mktemp -d) || return 1
	mkdir -p "$out/components" "$out/wit" "$out/modules"

	folder=$(crate oci-wasm 0.6.0) || return 1
	cp "$folder/tests/data/component.wasm" "$out/components/oci-wasm.wasm" || return 1
	cp "$folder/tests/data/binary_wit.wasm" "$out/wit/oci-wasm.wasm" || return 1
	folder=$(crate wac-cli 0.12.0) || return 1
	for name in greeter hello; do
		cp "$folder/examples/deps/example/$name.wasm" "$out/components/$name.wasm" || return 1
	done
	folder=$(crate wit-component 0.261.0) || return 1
	# Some of these are left from earlier versions of WIT, and are no longer read.
	for file in "$folder"/tests/components/*/component.wat; do
		name=$(basename "$(dirname "$file")")
		"$tool" parse "$file" -o "$out/components/$name.wasm" 2>/dev/null || true
	done
	for file in "$folder"/tests/interfaces/*.wat; do
		"$tool" parse "$file" -o "$out/wit/$(basename "$file" .wat).wasm" 2>/dev/null || true
	done
	if command -v npm >/dev/null; then
		gather_npm || return 1
	else
		say "npm is not there: descriptions are compared on fewer core modules"
	fi
	chmod -R u+w,a-x+X "$out"
	rm -rf "$work"
}

# gather_npm is the part of gather that takes npm, which verifies what it downloads.
gather_npm() {
	local package name
	for package in @bytecodealliance/jco@1.35.0 @bytecodealliance/jco-transpile@0.15.0 \
		esbuild-wasm@0.28.2 sql.js@1.16.0 web-tree-sitter@0.27.2; do
		name=${package##*/}
		name=${name%@*}
		mkdir -p "$work/$name"
		(cd "$work/$name" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz) || return 1
	done
	(cd "$work" && find jco jco-transpile esbuild-wasm sql.js web-tree-sitter -name '*.wasm' ! -name '*browser*') |
		while read -r file; do cp "$work/$file" "$out/modules/${file//\//-}" || return 1; done
}
cached "wasm-samples-1" gather
ln -sfn "$cache/wasm-samples-1" "$tools/wasm-samples"

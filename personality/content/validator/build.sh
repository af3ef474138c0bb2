#!/bin/sh
# Builds validator.wasm from this folder and records what it was made from in
# SHA256SUMS, which a test compares. The same tools give the same bytes.
#
# Needs a Rust toolchain with its library's source, and rust-lld. On Debian:
#   apt-get install --no-install-recommends rustc-web cargo-web rust-web-src
# Others are taken from RUSTC, CARGO and LINKER (a rustup toolchain has rust-lld
# in lib/rustlib/<host>/bin, and the source with `rustup component add rust-src`).
set -eu
cd "$(dirname "$0")"

export RUSTC="${RUSTC:-/usr/bin/rustc}"
cargo="${CARGO:-/usr/bin/cargo}"
host=$("$RUSTC" -vV | sed -n 's/^host: //p')
linker=${LINKER:-}
for sysroot in "$("$RUSTC" --print sysroot)" "${RUSTUP_HOME:-$HOME/.rustup}"/toolchains/*; do
	[ -n "$linker" ] || [ ! -x "$sysroot/lib/rustlib/$host/bin/rust-lld" ] ||
		linker="$sysroot/lib/rustlib/$host/bin/rust-lld"
done
if [ -z "$linker" ]; then
	echo "build.sh: rust-lld was not found; name it in LINKER" >&2
	exit 1
fi

target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
# Paths of this machine do not belong into the result; building the standard
# library along needs -Z, which RUSTC_BOOTSTRAP permits.
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$linker"
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="\
 --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates\
 --remap-path-prefix=$("$RUSTC" --print sysroot)/lib/rustlib/src/rust=rust\
 --remap-path-prefix=$PWD=content-validator"
RUSTC_BOOTSTRAP=1 "$cargo" build --release --locked --target wasm32-unknown-unknown \
	-Z build-std=std,panic_abort --target-dir "$target"
install -m 644 "$target/wasm32-unknown-unknown/release/content_validator.wasm" validator.wasm

{
	echo "# validator.wasm was built by $("$RUSTC" -V)"
	sha256sum Cargo.lock Cargo.toml build.sh src/*.rs validator.wasm
} >SHA256SUMS

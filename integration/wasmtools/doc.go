// Package wasmtools compares what the registry says of contents with what wasm-tools of the
// same release says of them. integration/tools/wasm.sh installs it, and the samples.
package wasmtools

// Package signer has the places where private keys are kept sign: a file or a text, a
// command, or whatever is behind a [crypto.Signer]. All give a [protocol.Signer].
package signer

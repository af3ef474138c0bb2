package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// readPolicy reads a tlog-policy. torchwood demands a signature by every log of it,
// and takes Ed25519 keys only.
func readPolicy(file string) (torchwood.Policy, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	policy, err := torchwood.ParsePolicy(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return policy, nil
}

func torchwoodEntries(ctx context.Context, args []string) (string, error) {
	policy, err := readPolicy(args[1])
	if err != nil {
		return "", err
	}
	fetcher, err := torchwood.NewTileFetcher(strings.TrimSuffix(args[0], "/") + "/")
	if err != nil {
		return "", err
	}
	signed, err := fetcher.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return "", err
	}
	c, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return "", err
	}
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		return "", err
	}
	read := int64(0)
	for index := range client.AllEntries(ctx, c.Tree, 0) {
		if index != read {
			return "", fmt.Errorf("read entry %d instead of %d", index, read)
		}
		read++
	}
	if err := client.Err(); err != nil {
		return "", fmt.Errorf("after %d of %d entries: %w", read, c.N, err)
	}
	if read != c.N {
		return "", fmt.Errorf("read %d of %d entries", read, c.N)
	}
	return head(uint64(c.N), c.Hash[:]), nil
}

func torchwoodProof(_ context.Context, args []string) (string, error) {
	policy, err := readPolicy(args[0])
	if err != nil {
		return "", err
	}
	proof, err := os.ReadFile(args[1])
	if err != nil {
		return "", err
	}
	entry, err := os.ReadFile(args[2])
	if err != nil {
		return "", err
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(entry), proof); err != nil {
		return "", err
	}
	// VerifyProof does not say which tree head it has verified; it is what follows
	// the first empty line.
	_, signed, found := bytes.Cut(proof, []byte("\n\n"))
	if !found {
		return "", errors.New("the proof has no checkpoint")
	}
	c, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return "", err
	}
	return head(uint64(c.N), c.Hash[:]), nil
}

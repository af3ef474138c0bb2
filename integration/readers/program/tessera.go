package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// tesseraLog is a log as tessera's client reads it.
type tesseraLog struct {
	*client.HTTPFetcher
	origin   string
	verifier note.Verifier
}

// openTessera takes the arguments URL, ORIGIN and VKEY.
func openTessera(args []string) (*tesseraLog, error) {
	at, err := url.Parse(args[0])
	if err != nil {
		return nil, err
	}
	fetcher, err := client.NewHTTPFetcher(at, nil)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(args[2])
	if err != nil {
		return nil, fmt.Errorf("the key %q: %w", args[2], err)
	}
	return &tesseraLog{fetcher, args[1], verifier}, nil
}

// checkpoint fetches the checkpoint and verifies the log's signature.
func (l *tesseraLog) checkpoint(ctx context.Context) (*log.Checkpoint, error) {
	c, _, _, err := client.FetchCheckpoint(ctx, l.ReadCheckpoint, l.verifier, l.origin)
	return c, err
}

func tesseraFsck(ctx context.Context, args []string) (string, error) {
	l, err := openTessera(args)
	if err != nil {
		return "", err
	}
	// Check reads the checkpoint itself, and says nothing of what it read.
	seen := &seenCheckpoint{tesseraLog: l}
	check := fsck.New(l.origin, l.verifier, seen, hashBundle, fsck.Opts{N: 4})
	if err := check.Check(ctx); err != nil {
		return "", err
	}
	c, _, _, err := log.ParseCheckpoint(seen.note, l.origin, l.verifier)
	if err != nil {
		return "", err
	}
	return head(c.Size, c.Hash), nil
}

// seenCheckpoint keeps the checkpoint that was read. Not safe for concurrent use: it
// is read once.
type seenCheckpoint struct {
	*tesseraLog
	note []byte
}

func (s *seenCheckpoint) ReadCheckpoint(ctx context.Context) (note []byte, err error) {
	s.note, err = s.tesseraLog.ReadCheckpoint(ctx)
	return s.note, err
}

// hashBundle is the hasher of tessera's own command fsck.
func hashBundle(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(b.Entries))
	for _, entry := range b.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

func tesseraProof(ctx context.Context, args []string) (string, error) {
	l, err := openTessera(args)
	if err != nil {
		return "", err
	}
	index, err := strconv.ParseUint(args[3], 10, 64)
	if err != nil {
		return "", err
	}
	c, err := l.checkpoint(ctx)
	if err != nil {
		return "", err
	}
	if index >= c.Size {
		return "", fmt.Errorf("the log has %d entries, none at index %d", c.Size, index)
	}
	bundle, err := client.GetEntryBundle(ctx, l.ReadEntryBundle, index/layout.EntryBundleWidth, c.Size)
	if err != nil {
		return "", err
	}
	builder, err := client.NewProofBuilder(ctx, c.Size, l.ReadTile)
	if err != nil {
		return "", err
	}
	path, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return "", err
	}
	entry := bundle.Entries[index%layout.EntryBundleWidth]
	hasher := rfc6962.DefaultHasher
	if err := proof.VerifyInclusion(hasher, index, c.Size, hasher.HashLeaf(entry), path, c.Hash); err != nil {
		return "", fmt.Errorf("entry %d is not in the log: %w", index, err)
	}
	return head(c.Size, c.Hash) + fmt.Sprintf("%x\n", entry), nil
}

func tesseraConsistency(ctx context.Context, args []string) (string, error) {
	l, err := openTessera(args)
	if err != nil {
		return "", err
	}
	signed, err := os.ReadFile(args[3])
	if err != nil {
		return "", err
	}
	before, _, _, err := log.ParseCheckpoint(signed, l.origin, l.verifier)
	if err != nil {
		return "", fmt.Errorf("%s: %w", args[3], err)
	}
	c, err := l.checkpoint(ctx)
	if err != nil {
		return "", err
	}
	if before.Size > c.Size {
		return "", fmt.Errorf("the log was rewound from %d entries to %d", before.Size, c.Size)
	}
	var path [][]byte
	if 0 < before.Size && before.Size < c.Size {
		builder, err := client.NewProofBuilder(ctx, c.Size, l.ReadTile)
		if err != nil {
			return "", err
		}
		if path, err = builder.ConsistencyProof(ctx, before.Size, c.Size); err != nil {
			return "", err
		}
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, before.Size, c.Size, path, before.Hash, c.Hash); err != nil {
		return "", fmt.Errorf("the log of %d entries does not contain that of %d: %w", c.Size, before.Size, err)
	}
	return head(c.Size, c.Hash), nil
}

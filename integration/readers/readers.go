// Package readers runs the program in its folder program, which reads logs that are
// served as static files with the readers of tessera and torchwood. The program is a
// module of its own; `make tools` builds it.
package readers

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/warg-trillian/warg-trillian/integration/tools"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Source is a log and where it is served.
type Source struct {
	URL    string // that the paths of its files are below
	Origin string
	VKey   string // public Ed25519 key in text, "<origin>+<hash>+<base64>"
}

// RefusedError says that a reader has refused a log, and why.
type RefusedError struct {
	Reader string // subcommand of the program
	Reason string // what it wrote to standard error
}

func (e *RefusedError) Error() string { return e.Reader + ": " + e.Reason }

// TesseraFsck has tessera recompute all tiles and the root from the entries, and
// returns the tree head of the checkpoint. Every function of this package returns a
// [RefusedError] if the reader refuses, and another error if it could not be run.
func TesseraFsck(ctx context.Context, s Source) (tlog.TreeHead, error) {
	head, _, err := run(ctx, s.Origin, "tessera-fsck", s.URL, s.Origin, s.VKey)
	return head, err
}

// TesseraProof has tessera prove, by tiles, that an entry is in the log of the
// checkpoint, and returns that entry.
func TesseraProof(ctx context.Context, s Source, index uint64) (tlog.TreeHead, []byte, error) {
	head, rest, err := run(ctx, s.Origin, "tessera-proof", s.URL, s.Origin, s.VKey, strconv.FormatUint(index, 10))
	if err != nil {
		return tlog.TreeHead{}, nil, err
	}
	entry, err := hex.DecodeString(strings.TrimSpace(rest))
	return head, entry, err
}

// TesseraConsistency has tessera prove, by tiles, that the log contains that of an
// earlier checkpoint, which is a signed note in a file.
func TesseraConsistency(ctx context.Context, s Source, noteFile string) (tlog.TreeHead, error) {
	head, _, err := run(ctx, s.Origin, "tessera-consistency", s.URL, s.Origin, s.VKey, noteFile)
	return head, err
}

// Torchwood has torchwood verify the checkpoint under a tlog-policy in a file
// ([Source.Policy]), and each entry by tiles.
func Torchwood(ctx context.Context, s Source, policyFile string) (tlog.TreeHead, error) {
	head, _, err := run(ctx, s.Origin, "torchwood", s.URL, policyFile)
	return head, err
}

// TorchwoodProof has torchwood verify a proof in a .tlog-proof file, of the entry that
// another file holds, under a tlog-policy. The origin is that which the policy names.
func TorchwoodProof(ctx context.Context, origin, policyFile, proofFile, entryFile string) (tlog.TreeHead, error) {
	head, _, err := run(ctx, origin, "torchwood-proof", policyFile, proofFile, entryFile)
	return head, err
}

// Policy returns a tlog-policy with the log, witnesses (lines of a policy) and the
// demand that so many of them have cosigned; 0 demands the log's signature alone.
// witnesses must be lines "witness <name> <vkey> [<url>]".
func (s Source) Policy(quorum int, witnesses ...string) (string, error) {
	text := "log " + s.VKey + "\n"
	var names []string
	for _, line := range witnesses {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "witness" {
			return "", fmt.Errorf("%q is not the line of a witness", line)
		}
		names = append(names, fields[1])
		text += line + "\n"
	}
	if quorum == 0 {
		return text + "quorum none\n", nil
	}
	if quorum < 0 || quorum > len(names) {
		return "", fmt.Errorf("a quorum of %d of %d witnesses", quorum, len(names))
	}
	return text + fmt.Sprintf("group witnesses %d %s\nquorum witnesses\n", quorum, strings.Join(names, " ")), nil
}

// run runs a subcommand, and reads the size and the root that it prints first.
func run(ctx context.Context, origin, reader string, args ...string) (head tlog.TreeHead, rest string, err error) {
	path, err := program()
	if err != nil {
		return head, "", err
	}
	c := exec.CommandContext(ctx, path, append([]string{reader}, args...)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		if ctx.Err() == nil && c.ProcessState != nil && c.ProcessState.ExitCode() == 1 {
			return head, "", &RefusedError{Reader: reader, Reason: strings.TrimSpace(stderr.String())}
		}
		return head, "", fmt.Errorf("%s: %w: %s", c, errors.Join(err, ctx.Err()), stderr.String())
	}
	lines := strings.SplitN(stdout.String(), "\n", 3)
	if len(lines) != 3 {
		return head, "", fmt.Errorf("%s printed %q, want size and root", reader, stdout.String())
	}
	size, err := strconv.ParseUint(lines[0], 10, 64)
	if err != nil {
		return head, "", fmt.Errorf("%s printed the size %q", reader, lines[0])
	}
	root, err := base64.StdEncoding.DecodeString(lines[1])
	if err != nil || len(root) != protocol.HashSize {
		return head, "", fmt.Errorf("%s printed the root %q", reader, lines[1])
	}
	return tlog.TreeHead{Origin: origin, Size: size, Root: protocol.Hash(root)}, lines[2], nil
}

// program finds the program, and refuses one that is older than its sources.
var program = sync.OnceValues(func() (string, error) {
	path, err := tools.Path("readers")
	if err != nil {
		return "", err
	}
	built, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	top, err := tools.Top()
	if err != nil {
		return "", err
	}
	err = filepath.WalkDir(filepath.Join(top, "integration", "readers", "program"), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		source, err := d.Info()
		if err == nil && source.ModTime().After(built.ModTime()) {
			return fmt.Errorf("%s is older than %s: run `make tools`", path, file)
		}
		return err
	})
	return path, err
})

package keys

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// commandSigner has a command sign.
type commandSigner struct {
	ctx     context.Context
	command string
	public  protocol.PublicKey
}

func (f Flags) command(ctx context.Context) (protocol.Signer, error) {
	if f.PublicKey == "" {
		return nil, usage("--key-command takes --public-key: a signature does not say by which key it is")
	}
	public, err := ParsePublic(f.PublicKey)
	if err != nil {
		return nil, err
	}
	return commandSigner{ctx, f.KeyCommand, public}, nil
}

// Public implements [protocol.Signer].
func (s commandSigner) Public() protocol.PublicKey { return s.public }

// maxSaid is how much of what a command says is repeated, in bytes.
const maxSaid = 500

// Bounds of a command.
const (
	maxOutput  = 64 << 10        // bytes it may write to each of its outputs
	maxSigning = 5 * time.Minute // people may have to type a PIN, or touch a token
)

// boundedBuffer refuses what is beyond maxOutput: the command can not write on then.
type boundedBuffer struct{ kept bytes.Buffer }

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > maxOutput {
		return 0, fmt.Errorf("it wrote more than %d bytes", maxOutput)
	}
	return b.kept.Write(p)
}

// SignDigest implements [protocol.Signer]: the command gets the 32 bytes of the digest on
// standard input, and in hex in the variable WARG_DIGEST, and writes a signature in DER.
func (s commandSigner) SignDigest(digest protocol.Hash) (protocol.Signature, error) {
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	ctx, stop := context.WithTimeout(s.ctx, maxSigning)
	defer stop()
	process := exec.CommandContext(ctx, shell[0], shell[1], s.command)
	process.Stdin = bytes.NewReader(digest[:])
	process.Env = append(os.Environ(), "WARG_DIGEST="+hex.EncodeToString(digest[:]))
	process.WaitDelay = time.Second // for children that keep the outputs open
	var der, said boundedBuffer
	process.Stdout, process.Stderr = &der, &said
	if err := process.Run(); err != nil {
		text := strings.TrimSpace(said.kept.String())
		if s.ctx.Err() != nil { // stopped, which says nothing about the command
			return protocol.Signature{}, fmt.Errorf("the key command was stopped: %w", s.ctx.Err())
		}
		if text == "" {
			return protocol.Signature{}, usage("the key command failed, and said nothing on standard error: %w", err)
		}
		return protocol.Signature{}, usage("the key command failed: %w: %s", err, text[:min(len(text), maxSaid)])
	}
	signature, err := protocol.ParseSignatureDER(der.kept.Bytes())
	if err != nil {
		return signature, usage("the key command wrote %d bytes that are no ECDSA signature: %w", der.kept.Len(), err)
	}
	return signature, nil
}

package signer

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Command signs with a command of the shell: it gets the 32 bytes of the digest on standard
// input, and in hex in the variable WARG_DIGEST, and writes an ECDSA signature in DER, such
// as `openssl pkeyutl -sign -inkey key.pem` does. It runs once a signature, and may run
// several times at once.
type Command struct {
	Context context.Context // a command that runs ends with it; nil: with Timeout alone
	Line    string          // for sh -c, or cmd /C
	Key     protocol.PublicKey
	Timeout time.Duration // of one signature; 0: DefaultTimeout
}

// DefaultTimeout lets people type a PIN, or touch a token.
const DefaultTimeout = 5 * time.Minute

// Bounds of what a command writes, in bytes.
const (
	maxOutput = 64 << 10 // to each of its outputs
	maxSaid   = 500      // of what it says that is repeated
)

// Public implements [protocol.Signer].
func (c Command) Public() protocol.PublicKey { return c.Key }

// SignDigest implements [protocol.Signer].
func (c Command) SignDigest(digest protocol.Hash) (protocol.Signature, error) {
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	ctx, timeout := c.Context, c.Timeout
	if ctx == nil {
		ctx = context.Background()
	}
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	process := exec.CommandContext(ctx, shell[0], shell[1], c.Line)
	process.Stdin = bytes.NewReader(digest[:])
	process.Env = append(os.Environ(), "WARG_DIGEST="+hex.EncodeToString(digest[:]))
	process.WaitDelay = time.Second // for children that keep the outputs open
	var der, said boundedBuffer
	process.Stdout, process.Stderr = &der, &said
	err := process.Run()
	if der.full || said.full { // how it ends then depends on the shell
		err = fmt.Errorf("it wrote more than %d bytes", maxOutput)
	} else if err != nil && ctx.Err() == context.DeadlineExceeded {
		err = fmt.Errorf("it did not end within %v", timeout) // and not "signal: killed"
	}
	if err != nil {
		text := strings.TrimSpace(said.kept.String())
		if text == "" {
			return protocol.Signature{}, fmt.Errorf("the key command failed, and said nothing on standard error: %w", err)
		}
		return protocol.Signature{}, fmt.Errorf("the key command failed: %w: %s", err, text[:min(len(text), maxSaid)])
	}
	signature, err := protocol.ParseSignatureDER(der.kept.Bytes())
	if err != nil {
		return signature, fmt.Errorf("the key command wrote %d bytes that are no ECDSA signature: %w", der.kept.Len(), err)
	}
	return signature, nil
}

// boundedBuffer refuses what is beyond maxOutput: the command can not write on then.
type boundedBuffer struct {
	kept bytes.Buffer
	full bool
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > maxOutput {
		b.full = true
		return 0, io.ErrShortWrite
	}
	return b.kept.Write(p)
}

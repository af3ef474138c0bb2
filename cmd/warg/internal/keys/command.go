package keys

import (
	"context"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/signer"
)

func (f Flags) command(ctx context.Context) (protocol.Signer, error) {
	if f.PublicKey == "" {
		return nil, usage("--key-command takes --public-key: a signature does not say by which key it is")
	}
	public, err := ParsePublic(f.PublicKey)
	if err != nil {
		return nil, err
	}
	return commandKey{signer.Command{Context: ctx, Line: f.KeyCommand, Key: public}}, nil
}

// commandKey is a key that a command signs with. A command that does not is a key that can
// not be used, unless this program was stopped meanwhile.
type commandKey struct{ signer.Command }

func (k commandKey) SignDigest(digest protocol.Hash) (protocol.Signature, error) {
	signature, err := k.Command.SignDigest(digest)
	if err != nil && k.Context.Err() == nil {
		err = UsageError{err}
	}
	return signature, err
}

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
	return signer.Command{Context: ctx, Line: f.KeyCommand, Key: public}, nil
}

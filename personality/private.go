package personality

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// linksKey is the name of the secret, in the registry's database, that signs links.
const linksKey = "links-key"

// openPrivate reads the tokens of a private registry; nil if it is public.
func (s *Server) openPrivate(ctx context.Context) (*httpapi.Private, error) {
	if s.options.TokensFile == "" {
		return nil, nil
	}
	tokens, err := access.LoadTokens(s.options.TokensFile)
	if err != nil {
		return nil, err
	}
	secret, err := linksSecret(ctx, s.db)
	if err != nil {
		return nil, err
	}
	links, err := access.NewLinks(secret, time.Now)
	if err != nil {
		return nil, err
	}
	return &httpapi.Private{Tokens: tokens, Links: links}, nil
}

// linksSecret is the secret that the processes of a registry share. It is in the
// database, and not derived from the operator key: that may be replaced, or be where
// nobody can read it.
func linksSecret(ctx context.Context, db *store.DB) (secret []byte, err error) {
	err = db.Update(ctx, func(tx *store.Tx) (err error) {
		secret, err = tx.Meta(linksKey)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		secret = make([]byte, access.LinksSecretSize)
		rand.Read(secret) // never fails
		return tx.SetMeta(linksKey, secret)
	})
	return secret, err
}

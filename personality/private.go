package personality

import (
	"time"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
)

// openPrivate reads the tokens of a private registry; nil if it is public.
func openPrivate(o Options) (*httpapi.Private, error) {
	if o.TokensFile == "" {
		return nil, nil
	}
	tokens, err := access.LoadTokens(o.TokensFile)
	if err != nil {
		return nil, err
	}
	links, err := access.NewLinks(o.OperatorKey, time.Now)
	if err != nil {
		return nil, err
	}
	return &httpapi.Private{Tokens: tokens, Links: links}, nil
}

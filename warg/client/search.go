package client

import (
	"context"
	"encoding/json"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// Search asks the registry for packages. Nothing of the answer is verified, and nothing can
// be: what it says of contents the registry has read there, and what it leaves out nobody
// sees. All texts in it are hostile until they are escaped. What is found is verified by
// [Client.Package] and the rest. A registry that is not searched answers 404: an
// [*APIError].
func (c *Client) Search(ctx context.Context, q discovery.Query) (page discovery.Page, err error) {
	path := discovery.PackagesPath
	if values := q.Values().Encode(); values != "" {
		path += "?" + values
	}
	err = c.get(ctx, path, answerInto{&page}, func() errorBody { return new(api.MonitorError) })
	return page, err
}

// answerInto reads an answer by encoding/json.
type answerInto struct{ into any }

// UnmarshalJSON implements [json.Unmarshaler].
func (a answerInto) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, a.into) }

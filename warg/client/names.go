package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// PackageNames asks for the names of package logs. Those that the registry does
// not know, or does not tell, are left out; each of the others has the log id
// that was asked for.
func (c *Client) PackageNames(ctx context.Context, logIDs ...protocol.Hash) (map[protocol.Hash]protocol.PackageName, error) {
	names := make(map[protocol.Hash]protocol.PackageName, len(logIDs))
	ask := make(map[protocol.Hash]bool, len(logIDs)) // still
	for _, id := range logIDs {
		ask[id] = true
	}
	for len(ask) > 0 {
		var request api.FetchPackageNamesRequest
		for id := range ask {
			if request.Packages = append(request.Packages, id.Any()); len(request.Packages) == pageRecords {
				break
			}
		}
		var answer api.FetchPackageNamesResponse
		if err := c.post(ctx, api.FetchPackageNamesPath, request, &answer, fetchError); err != nil {
			var missing *api.FetchError
			if errors.As(err, &missing) && missing.Variant == api.FetchLogNotFound {
				// The reference server answers so for all if it does not know one.
				if id, bad := missing.LogID.Hash(); bad == nil && ask[id] {
					delete(ask, id)
					continue
				}
			}
			return nil, err
		}
		before := len(ask)
		for _, named := range answer.Packages {
			id, err := named.Hash.Hash()
			if err != nil || !ask[id] {
				return nil, c.unproven(ClaimName, fmt.Errorf("the answer names log %s, which was not asked for", named.Hash))
			}
			delete(ask, id)
			if named.Value == nil {
				continue
			}
			if named.Value.LogID() != id {
				return nil, c.unproven(ClaimName, fmt.Errorf("log %s is not that of package %s", id, *named.Value))
			}
			names[id] = *named.Value
		}
		if len(ask) == before {
			break // it tells no more
		}
	}
	return names, nil
}

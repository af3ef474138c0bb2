package audit

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// namesFacts: v1/fetch/names gives another name of a log, or none.
type namesFacts struct {
	Head     claim        `json:"head"`
	Record   provenRecord `json:"record"` // of the package
	Exchange exchange     `json:"exchange"`
}

func (f *namesFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	leaf, _, err := f.Record.verify(head)
	if err != nil {
		return Finding{}, err
	}
	var request api.FetchPackageNamesRequest
	if err := requestIn(f.Exchange, api.FetchPackageNamesPath, &request); err != nil {
		return Finding{}, err
	}
	claimed, wrong := wrongName(f.Exchange, request.Packages, leaf.LogID.Any(), f.Record.Name)
	if !wrong {
		return Finding{}, notContradicting("the name is right, or was not asked for")
	}
	return Finding{
		Name: APINameDiffers, Log: f.Record.Name, Index: &f.Record.Index, Claimed: claimed, Computed: f.Record.Name,
		Explanation: fmt.Sprintf("the API was asked for the name of the log of %s, and gave %s", f.Record.Name, claimed), Keys: head.Keys,
	}, nil
}

// wrongName tells that an answer does not have the name of a log, and what it has. An
// answer may leave out names that it has when it is asked again for these: only one that
// has none leaves a name out.
func wrongName(e exchange, asked []protocol.AnyHash, id protocol.AnyHash, want string) (claimed string, wrong bool) {
	isAsked := map[protocol.AnyHash]bool{}
	for _, a := range asked {
		isAsked[a] = true
	}
	switch {
	case !isAsked[id]:
		return "", false
	case e.denies():
		return fmt.Sprintf("status %d", e.Status), true
	case !e.has():
		return "", false
	}
	var answer api.FetchPackageNamesResponse
	if err := answer.UnmarshalJSON(e.Answer); err != nil {
		return "what can not be read: " + err.Error(), true
	}
	others := false
	for _, p := range answer.Packages {
		switch {
		case p.Hash != id:
			others = others || isAsked[p.Hash]
		case p.Value == nil:
			return "no name", true
		default:
			return p.Value.String(), p.Value.String() != want
		}
	}
	return "no name", !others
}

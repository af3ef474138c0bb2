package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// withheldShown is what a registry says of a content that it withholds, as JSON.
type withheldShown struct {
	Signed    bool       `json:"signed"` // by its operator, which was verified
	Since     *time.Time `json:"since,omitempty"`
	Reason    string     `json:"reason"`
	Reference string     `json:"reference,omitempty"`
}

func showWithheld(s withheld.Statement) *withheldShown {
	return &withheldShown{Signed: true, Since: &s.Time, Reason: s.Reason, Reference: s.Reference}
}

// words say that a content is withheld.
func (w withheldShown) words() string {
	if !w.Signed {
		return "WITHHELD, as the registry says, which nobody has signed: " + w.Reason
	}
	text := fmt.Sprintf("WITHHELD by the registry since %s: %s", w.Since.Format(time.DateOnly), w.Reason)
	if w.Reference != "" {
		text += " (" + w.Reference + ")"
	}
	return text
}

// withheldIn returns what an error says of a content that is withheld; nil if it is none of
// these.
func withheldIn(err error) *withheldShown {
	var signed *client.WithheldError
	if errors.As(err, &signed) {
		return showWithheld(signed.Statement)
	}
	var refusal *client.APIError
	if errors.As(err, &refusal) && refusal.Status == http.StatusUnavailableForLegalReasons {
		return &withheldShown{Reason: refusal.Body.Error()}
	}
	return nil
}

// withheldNow returns the contents that are withheld, by the operator's signed statements. A
// list that does not hold is an error; of one that the registry does not give for the moment
// the user hears.
func withheldNow(env *environment, out *output, s *session.Session) (map[protocol.Hash]withheld.Statement, error) {
	all, err := s.Client.WithheldNow(env.context)
	var lie *client.VerificationError
	if err == nil || errors.As(err, &lie) || env.context.Err() != nil {
		return all, err
	}
	out.remark("what the registry withholds is not shown: %v", err)
	return nil, nil
}

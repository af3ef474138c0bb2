package audit

import (
	"context"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// compareNames compares the names of packages that the API gives.
func (r *round) compareNames(ctx context.Context, c claim, logs []*changedLog) error {
	open := map[protocol.AnyHash]*changedLog{}
	for _, l := range logs {
		if l.state.Name != "" {
			open[l.id.Any()] = l
		}
	}
	for len(open) > 0 {
		var request api.FetchPackageNamesRequest
		for _, l := range logs {
			if id := l.id.Any(); open[id] != nil {
				request.Packages = append(request.Packages, id)
			}
		}
		e, err := ask(ctx, r.source, Request{Method: "POST", Path: api.FetchPackageNamesPath, Body: request.AppendJSON(nil)}, maxJSON)
		if err != nil {
			return err
		}
		if !e.has() && !e.denies() {
			r.unchecked("names of packages", "%s answers with the status %d", e, e.Status)
			return nil
		}
		var answer api.FetchPackageNamesResponse
		unread := answer.UnmarshalJSON(e.Answer) != nil // what can not be read has one cause
		for _, id := range request.Packages {
			l := open[id]
			if _, wrong := wrongName(e, request.Packages, id, l.state.Name); wrong {
				if err := r.reportName(ctx, c, l, e); err != nil {
					return err
				}
				delete(open, id)
			}
			if unread {
				return nil
			}
		}
		for _, p := range answer.Packages {
			delete(open, p.Hash)
		}
	}
	return nil
}

func (r *round) reportName(ctx context.Context, c claim, l *changedLog, e exchange) error {
	if r.enough(APINameDiffers) {
		return nil
	}
	named, err := r.log.envelope(ctx, l.state.Last)
	if err != nil {
		return err
	}
	record, err := r.proveAt(ctx, l.state.Last, named.Envelope, l.state.Name)
	if err != nil {
		return err
	}
	return r.found(ctx, &namesFacts{Head: c, Record: record, Exchange: e})
}

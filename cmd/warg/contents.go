package main

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
)

// contentsOf opens what the entries release, which must be what it was when they were
// made.
func contentsOf(entries []entry) ([]client.Content, error) {
	var all []client.Content
	for _, e := range entries {
		switch {
		case e.Type != "release":
			continue
		case e.Path == "" && e.Content != nil:
			all = append(all, client.Content{Digest: *e.Content, Sources: e.Sources})
			continue
		}
		content, err := client.ContentOfFile(e.Path)
		if err != nil {
			return nil, usageError{err}
		}
		if e.Content == nil || content.Digest != *e.Content {
			return nil, usage("%s has changed since the release was prepared: it has the digest %s now, not %s", e.Path, content.Digest, e.Content)
		}
		content.Sources = e.Sources
		all = append(all, content)
	}
	return all, nil
}

// postContents posts a record. The registry is asked to fetch what has sources; if it does
// not, what is here is uploaded, and the user hears why.
func postContents(env *environment, out *output, s *session.Session, record *client.Record, contents []client.Content) error {
	if !slices.ContainsFunc(contents, func(c client.Content) bool { return len(c.Sources) > 0 }) {
		return s.Client.Post(env.context, record, contents...)
	}
	fetched, files := slices.Clone(contents), slices.Clone(contents)
	for i := range contents {
		if len(contents[i].Sources) > 0 {
			fetched[i].Open = nil
		}
		files[i].Sources = nil
	}
	bounded, stop := context.WithTimeout(env.context, maxPublishing)
	defer stop()
	err := s.Client.Post(bounded, record, fetched...)
	if bounded.Err() != nil {
		return stillAccepted(err, record.Name, record.ID)
	}
	if !wasNotFetched(err) || !slices.ContainsFunc(contents, func(c client.Content) bool { return len(c.Sources) > 0 && c.Open != nil }) {
		return err
	}
	out.remark("the file is uploaded: %v", err)
	return s.Client.Post(env.context, record, files...)
}

// wasNotFetched tells that a registry does not fetch content, or could not.
func wasNotFetched(err error) bool {
	var missing *client.MissingContentError
	var refusal *client.APIError
	return errors.As(err, &missing) || errors.As(err, &refusal) && (refusal.Status == http.StatusNotImplemented || refusal.Status == http.StatusBadRequest)
}

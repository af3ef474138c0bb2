package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// uploadMissing uploads what a record waits for.
func (c *Client) uploadMissing(ctx context.Context, record *Record, status api.PackageRecord, contents []Content) error {
	for _, missing := range status.MissingContent {
		content, ok := findContent(contents, missing.Hash)
		switch {
		case missing.Value.Reason != "" && (!ok || content.Open == nil):
			return &MissingContentError{record.Name, missing.Hash, "the registry could not fetch it from the sources that were named: " + missing.Value.Reason}
		case !ok || content.Open == nil:
			return &MissingContentError{record.Name, missing.Hash, "it was not given; post the record again with it"}
		}
		places := uploadPlaces(missing.Value.Upload)
		if len(places) == 0 {
			return &MissingContentError{record.Name, missing.Hash, "the registry names no place that takes it by HTTP POST or PUT"}
		}
		err := c.upload(ctx, places[0], content)
		for _, other := range places[1:] {
			if err == nil || ctx.Err() != nil {
				break
			}
			err = c.upload(ctx, other, content)
		}
		if err != nil {
			var refusal *api.PackageError
			if !errors.As(err, &refusal) {
				return err
			}
			switch refusal.Variant {
			case api.RecordNotSourcing: // it is there by now, or the record is rejected, as Wait will say
			case api.Rejection:
				return &RejectedError{Name: record.Name, RecordID: record.ID, Reason: refusal.Message}
			default:
				return err
			}
		}
	}
	return nil
}

// Restore uploads a content that a published record releases, if the registry says that it
// does not have it (404, or 503 of this project's registries), and reports whether it did. Of what it has after
// all the registry reads nothing.
//
// Errors: [*APIError] with an [*api.PackageError] for what the registry says of the upload.
func (c *Client) Restore(ctx context.Context, name protocol.PackageName, recordID protocol.Hash, content Content) (restored bool, err error) {
	_, err = c.contentSources(ctx, content.Digest)
	var refusal *APIError
	if !errors.As(err, &refusal) || refusal.Status != http.StatusNotFound && refusal.Status != http.StatusServiceUnavailable {
		return false, err
	}
	place := api.UploadEndpoint{Method: http.MethodPost, URL: api.UploadContentPath(name.LogID(), recordID, content.Digest)}
	err = c.upload(ctx, place, content)
	return err == nil, err
}

func findContent(contents []Content, digest protocol.AnyHash) (Content, bool) {
	for _, c := range contents {
		if c.Digest.Any() == digest {
			return c, true
		}
	}
	return Content{}, false
}

// uploadPlaces returns the places to try, in this order: those with PUT, where the
// registry keeps content, which spares the way through the registry, and the first with
// POST, which is the registry's own and has the last word.
func uploadPlaces(places []api.UploadEndpoint) (ordered []api.UploadEndpoint) {
	for _, method := range []string{http.MethodPut, http.MethodPost} {
		for _, p := range places {
			if p.Method == method {
				ordered = append(ordered, p)
				break
			}
		}
	}
	return ordered
}

func (c *Client) upload(ctx context.Context, endpoint api.UploadEndpoint, content Content) error {
	target := c.resolve(endpoint.URL)
	return c.retry(ctx, func() error {
		body, err := content.Open()
		if err != nil {
			return fmt.Errorf("content %s: %w", content.Digest, err)
		}
		request, err := http.NewRequestWithContext(ctx, endpoint.Method, target.String(), body)
		if err != nil {
			body.Close()
			return transportError(endpoint.Method, target, err)
		}
		request.ContentLength = content.Size
		request.GetBody = content.Open // for redirections
		if content.Size == 0 {         // with a body, 0 would mean that the length is not known
			body.Close()
			request.Body, request.GetBody = http.NoBody, nil
		}
		for _, h := range endpoint.Headers {
			if strings.EqualFold(h.Name, "authorization") || strings.EqualFold(h.Name, "content-type") {
				request.Header.Set(h.Name, h.Value)
			}
		}
		response, err := c.send(request, packageError)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		io.CopyN(io.Discard, response.Body, maxDrain) // so that the connection can be used again
		return nil
	})
}

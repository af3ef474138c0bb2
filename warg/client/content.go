package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/warg-trillian/warg-trillian/warg/wholefile"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// OpenContent returns the content with a digest, such as that of a
// [protocol.Release], from one of the places that the registry names. The
// content is verified as it is read: if it is not that with the digest, the Read
// that would return [io.EOF] returns a [*VerificationError] instead. What was
// read before that is not verified. The caller closes it, after which the rest
// is not read.
//
// Errors, also of Read: [*APIError] with an [*api.ContentError] if the registry
// does not have it, [*WithheldError] if its operator withholds it, [*TransportError], with [ErrTooLarge] for more than
// [Options.MaxContent].
func (c *Client) OpenContent(ctx context.Context, digest protocol.Hash) (io.ReadCloser, error) {
	sources, err := c.contentSources(ctx, digest)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, source := range sources {
		content, err := c.openSource(ctx, digest, source)
		if err == nil {
			return content, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// DownloadTo writes the content with a digest to w and returns how many bytes it
// has. On error w may have got some of it, or something else: only without an
// error is it the content. See [Client.OpenContent].
func (c *Client) DownloadTo(ctx context.Context, digest protocol.Hash, w io.Writer) (int64, error) {
	content, err := c.OpenContent(ctx, digest)
	if err != nil {
		return 0, err
	}
	defer content.Close()
	return io.Copy(w, content)
}

// DownloadFile makes a file (0644) of the content with a digest, or replaces
// a regular file, whose permissions stay, or the one that a symbolic link leads to. All
// else, such as a device, is an error. The file gets its name when all of the content is verified and on disk;
// on error nothing has changed. Other than [Client.DownloadTo] it tries the next
// place if one breaks off or gives something else.
func (c *Client) DownloadFile(ctx context.Context, digest protocol.Hash, path string) error {
	path, mode, err := Destination(path)
	if err != nil {
		return err
	}
	sources, err := c.contentSources(ctx, digest)
	if err != nil {
		return err
	}
	return wholefile.Replace(path, mode, func(f *os.File) error {
		var failures []error
		for _, source := range sources {
			err := c.copySource(ctx, digest, source, f)
			if err == nil {
				return nil
			}
			failures = append(failures, err)
		}
		return errors.Join(failures...)
	})
}

func (c *Client) copySource(ctx context.Context, digest protocol.Hash, source api.ContentSource, f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	content, err := c.openSource(ctx, digest, source)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(f, content)
	return err
}

// contentSources returns where a content can be had; never none.
func (c *Client) contentSources(ctx context.Context, digest protocol.Hash) ([]api.ContentSource, error) {
	var answer api.ContentSourcesResponse
	if err := c.get(ctx, api.ContentSourcesPath(digest), &answer, contentError); err != nil {
		return nil, c.whyWithheld(ctx, digest, err)
	}
	for _, of := range answer.ContentSources {
		if of.Hash == digest.Any() && len(of.Value) > 0 {
			return of.Value, nil
		}
	}
	return nil, &TransportError{
		Method: http.MethodGet, URL: redacted(c.resolve(api.ContentSourcesPath(digest))),
		Err: fmt.Errorf("%w: it names no source of content %s", ErrMalformed, digest),
	}
}

func (c *Client) openSource(ctx context.Context, digest protocol.Hash, source api.ContentSource) (io.ReadCloser, error) {
	target := c.resolve(source.URL)
	if source.Size != nil && *source.Size > uint64(c.options.MaxContent) {
		return nil, transportError(http.MethodGet, target, fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, *source.Size, c.options.MaxContent))
	}
	var response *http.Response
	err := c.retry(ctx, func() error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
		if err != nil {
			return transportError(http.MethodGet, target, err)
		}
		response, err = c.send(request, contentError)
		return err
	})
	if err != nil {
		return nil, c.whyWithheld(ctx, digest, err)
	}
	return &verifiedBody{client: c, target: target, body: response.Body, hash: sha256.New(), want: digest, left: c.options.MaxContent}, nil
}

// verifiedBody reads a content and ends with an error if it is another one.
type verifiedBody struct {
	client *Client
	target *url.URL
	body   io.ReadCloser
	hash   hash.Hash
	want   protocol.Hash
	left   int64 // bytes allowed
	err    error // of all further reads
}

func (b *verifiedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.body.Read(p)
	b.hash.Write(p[:n])
	b.left -= int64(n)
	switch {
	case b.left < 0:
		err = transportError(http.MethodGet, b.target, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, b.client.options.MaxContent))
	case err == io.EOF:
		if got := protocol.Hash(b.hash.Sum(nil)); got != b.want {
			err = b.client.unproven(ClaimContent, fmt.Errorf("%s gives content with digest %s, not %s", redacted(b.target), got, b.want))
		}
	case err != nil:
		err = transportError(http.MethodGet, b.target, err)
	}
	b.err = err
	return n, err
}

func (b *verifiedBody) Close() error { return b.body.Close() }

// ContentSize returns the size in bytes of content that the registry has, as it says: it
// is not verified. known is false if it does not say. Errors are those of
// [Client.OpenContent].
func (c *Client) ContentSize(ctx context.Context, digest protocol.Hash) (size uint64, known bool, err error) {
	sources, err := c.contentSources(ctx, digest)
	if err != nil {
		return 0, false, err
	}
	for _, source := range sources {
		if source.Size != nil {
			return *source.Size, true, nil
		}
	}
	return 0, false, nil
}

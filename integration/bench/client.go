package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// pollInterval is how often a publisher asks what became of a record.
const pollInterval = 2 * time.Millisecond

// publishTimeout is how long a record may take before the measuring is given up.
const publishTimeout = time.Minute

// client makes requests of one registry. It keeps its connections.
type client struct {
	base string
	http *http.Client
}

func newClient(address string) *client {
	transport := &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, DisableCompression: true}
	return &client{base: "http://" + address + "/", http: &http.Client{Transport: transport, Timeout: publishTimeout}}
}

// do makes a request and returns the body of the answer, which must have the
// status want.
func (c *client) do(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != want {
		return nil, &statusError{fmt.Sprintf("%s %s: status %d, want %d: %s", method, path, response.StatusCode, want, answer)}
	}
	return answer, nil
}

// statusError says that a request was answered in another way than it should be.
type statusError struct{ text string }

func (e *statusError) Error() string { return e.text }

func (c *client) checkpoint(ctx context.Context) (checkpoint protocol.SignedCheckpoint, err error) {
	body, err := c.do(ctx, "GET", api.FetchCheckpointPath, nil, http.StatusOK)
	if err != nil {
		return checkpoint, err
	}
	return checkpoint, json.Unmarshal(body, &checkpoint)
}

// waitForLength returns once a signed checkpoint has that length.
func (c *client) waitForLength(ctx context.Context, length uint64) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	for {
		checkpoint, err := c.checkpoint(ctx)
		if err != nil {
			return fmt.Errorf("waiting for a checkpoint of length %d: %w", length, err)
		}
		if checkpoint.Contents.LogLength >= length {
			return nil
		}
		time.Sleep(pollInterval)
	}
}

func (c *client) post(ctx context.Context, r *record) error {
	_, err := c.do(ctx, "POST", r.postPath, r.body, http.StatusAccepted)
	return err
}

func (c *client) status(ctx context.Context, r *record) (status api.PackageRecord, err error) {
	body, err := c.do(ctx, "GET", api.PackageRecordPath(r.logID, r.id), nil, http.StatusOK)
	if err != nil {
		return status, err
	}
	return status, status.UnmarshalJSON(body)
}

// waitPublished asks until the record is published.
func (c *client) waitPublished(ctx context.Context, r *record) error {
	for deadline := time.Now().Add(publishTimeout); ; time.Sleep(pollInterval) {
		status, err := c.status(ctx, r)
		switch {
		case err != nil:
			return err
		case status.State == api.StatePublished:
			return nil
		case status.State != api.StateProcessing || time.Now().After(deadline):
			return fmt.Errorf("record %s of %s is %s (%s)", r.id, r.name, status.State, status.Reason)
		}
	}
}

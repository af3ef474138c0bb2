package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

const (
	bulkPackages = 1000 // that one request is about
	bulkChanged  = 10   // of these have a record more than the client knows
)

// measureReadBulk measures requests of clients that have or want many packages.
func measureReadBulk(ctx context.Context, s *settings, t *table) error {
	if s.packages < bulkPackages {
		return fmt.Errorf("-packages %d: read-bulk needs %d or more", s.packages, bulkPackages)
	}
	srv, r, err := s.startReads(ctx, "read-bulk", s.packages)
	if err != nil {
		return err
	}
	defer srv.stop()
	some := slices.Clone(r.records)
	rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	some = some[:bulkPackages]
	asks, err := srv.bulkRequests(ctx, some)
	if err != nil {
		return err
	}
	for _, a := range asks {
		if err := a.check(ctx, srv.client); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		for _, connections := range []int{1, 4} {
			r, err := srv.ask(ctx, connections, s.readTime(), func(int, int) (string, []byte) { return a.path, a.body })
			if err != nil {
				return err
			}
			t.add(fmt.Sprintf("%s, %d connections", a.name, connections), "", "%v; %d KB an answer", r, r.bytes/int64(len(r.took))/1000)
		}
	}
	return nil
}

// bulkRequest is a request about many packages.
type bulkRequest struct {
	name, path string
	body       []byte
	records    int // that fetch/logs answers; 0: it is not asked
}

// bulkRequests publishes another record of some packages, and makes requests about
// all of them.
func (c *client) bulkRequests(ctx context.Context, records []record) ([]bulkRequest, error) {
	var known, unknown api.HashMap[*string]
	names := api.FetchPackageNamesRequest{}
	newest := slices.Clone(records)
	for i := range records {
		token := records[i].id.String()
		known = append(known, api.HashEntry[*string]{Hash: records[i].logID.Any(), Value: &token})
		unknown = append(unknown, api.HashEntry[*string]{Hash: records[i].logID.Any()})
		names.Packages = append(names.Packages, records[i].logID.Any())
		if i < bulkChanged {
			newest[i] = newRecord(records[i].key, records[i].name, records[i].id.Any(), releaseEntry("2.0.0"))
			if err := c.post(ctx, &newest[i]); err != nil {
				return nil, err
			}
			if err := c.waitPublished(ctx, &newest[i]); err != nil {
				return nil, err
			}
		}
	}
	heads, err := c.heads(ctx, newest)
	if err != nil {
		return nil, err
	}
	checkpoint, err := c.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	length, operator := checkpoint.Contents.LogLength, ""
	if operator, err = c.operatorToken(ctx, length); err != nil {
		return nil, err
	}
	inclusion := api.InclusionRequest{LogLength: length}
	for _, h := range heads {
		inclusion.Leafs = append(inclusion.Leafs, h.index)
	}
	n := len(records)
	return []bulkRequest{
		{fmt.Sprintf("fetch/logs of %d packages that are known but for %d records", n, bulkChanged), api.FetchLogsPath,
			api.FetchLogsRequest{LogLength: length, Operator: &operator, Packages: known}.AppendJSON(nil), bulkChanged},
		{fmt.Sprintf("fetch/logs of %d packages, nothing known", n), api.FetchLogsPath,
			api.FetchLogsRequest{LogLength: length, Packages: unknown}.AppendJSON(nil), n + bulkChanged},
		{fmt.Sprintf("names of %d logs", n), api.FetchPackageNamesPath, names.AppendJSON(nil), 0},
		{fmt.Sprintf("inclusion of %d heads in one request", n), api.ProveInclusionPath, inclusion.AppendJSON(nil), 0},
	}, nil
}

// operatorToken is the fetch token of the operator's last record.
func (c *client) operatorToken(ctx context.Context, length uint64) (string, error) {
	found, err := c.fetchLogs(ctx, api.FetchLogsRequest{LogLength: length}.AppendJSON(nil))
	if err != nil {
		return "", err
	}
	return found.Operator[len(found.Operator)-1].FetchToken, nil
}

func (c *client) fetchLogs(ctx context.Context, body []byte) (found api.FetchLogsResponse, err error) {
	answer, err := c.do(ctx, "POST", api.FetchLogsPath, body, http.StatusOK)
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(answer, &found)
}

// check makes the request once, and counts what fetch/logs answers.
func (b *bulkRequest) check(ctx context.Context, c *client) error {
	if b.path != api.FetchLogsPath {
		_, err := c.do(ctx, "POST", b.path, b.body, http.StatusOK)
		return err
	}
	found, err := c.fetchLogs(ctx, b.body)
	if err != nil {
		return err
	}
	records := 0
	for _, p := range found.Packages {
		records += len(p.Value)
	}
	if records != b.records {
		return fmt.Errorf("%d records, want %d", records, b.records)
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
)

// idle is a registry that has nothing to do: it refuses at once what the
// measurement does not ask.
type idle struct{ httpapi.Registry }

func (idle) ProveInclusion(context.Context, uint64, []uint64) (logBundle, mapBundle []byte, err error) {
	return nil, nil, nil
}

// measureReadLimit measures what reads would cost if they cost nothing: a handler
// without work behind the middleware of the API, and answers that are kept as a whole,
// without it. Both servers are in this process.
func measureReadLimit(ctx context.Context, s *settings, t *table) error {
	srv, records, err := s.loaded(ctx, "read-limit", min(s.packages, 100))
	if err != nil {
		return err
	}
	defer srv.stop()
	r, err := srv.newReads(ctx, records)
	if err != nil {
		return err
	}
	answers := map[string][]byte{}
	for _, ask := range []func([]byte) (string, []byte){r.logs, r.inclusion} {
		path, body := ask(nil)
		if answers["/"+path], err = srv.do(ctx, "POST", path, body, http.StatusOK); err != nil {
			return err
		}
	}
	for _, limit := range []struct {
		name    string
		handler http.Handler
		kinds   []func([]byte) (string, []byte)
	}{
		{"an inclusion that proves nothing, behind the API's middleware", httpapi.New(idle{}, httpapi.Options{}), []func([]byte) (string, []byte){r.inclusion}},
		{"both in turn, answers kept as a whole, no middleware", keptAnswers(answers), []func([]byte) (string, []byte){r.logs, r.inclusion}},
	} {
		result, err := s.askHandler(ctx, r, limit.handler, limit.kinds...)
		if err != nil {
			return fmt.Errorf("%s: %w", limit.name, err)
		}
		t.add(fmt.Sprintf("at the limit: %s, %d connections", limit.name, manyConnections), "", "%v", result)
	}
	return nil
}

// keptAnswers answers each path with the same bytes.
func keptAnswers(answers map[string][]byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if _, err := body.ReadFrom(r.Body); err != nil {
			return
		}
		answer := answers[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.Write(answer)
	})
}

func (s *settings) askHandler(ctx context.Context, r *reads, h http.Handler, kinds ...func([]byte) (string, []byte)) (result loadResult, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return result, err
	}
	server := &http.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		err = errors.Join(err, server.Close())
		<-served
	}()
	return r.run(ctx, newClient(listener.Addr().String()), manyConnections, s.readTime(), kinds...)
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/tools"
	wargclient "github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	largeComponent = 50 << 20 // bytes
	gets           = 7        // of which the median counts
	ociPackage     = namespace + ":large"
)

// measureOCI measures how long wkg takes to get a large component, from the registry and
// through the agent, against curl for the same blob, and what memory that takes.
func measureOCI(ctx context.Context, s *settings, t *table) error {
	srv, data, err := s.newServer(ctx, "oci")
	if err != nil {
		return err
	}
	digest, err := publishContent(ctx, srv, ociPackage, customOf(largeComponent))
	// Validating takes memory that reading does not.
	if err := errors.Join(err, srv.stop()); err != nil {
		return err
	}
	if srv, err = s.start(ctx, data); err != nil {
		return err
	}
	defer srv.stop()
	a, err := startAgent(ctx, s, srv)
	if err != nil {
		return err
	}
	defer a.stop()
	for _, of := range []*server{srv, a.server} { // what the first request takes is not the content's
		if _, err := of.do(ctx, http.MethodGet, "v2/"+strings.Replace(ociPackage, ":", "/", 1)+"/tags/list", nil, http.StatusOK); err != nil {
			return err
		}
	}
	return a.measureGets(ctx, srv, digest, t)
}

// ociAgent is an agent that runs.
type ociAgent struct {
	*server
	dir, kept string
}

// startAgent builds the client, and starts its agent for a registry.
func startAgent(ctx context.Context, s *settings, registry *server) (*ociAgent, error) {
	dir, err := os.MkdirTemp(s.dir, "agent-")
	if err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "warg")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/warg-trillian/warg-trillian/cmd/warg")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the client: %w\n%s", err, output)
	}
	a := &ociAgent{dir: dir, kept: filepath.Join(dir, "kept")}
	cmd := exec.Command(program, "agent", "--json", "--registry", registry.base, "--read-only", "--listen", "127.0.0.1:0", "--dir", a.kept)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() error { return errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()) }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	var said struct{ Address string }
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the agent said %q: %w", line, err), stop())
	}
	a.server = &server{client: newClient(said.Address), pid: cmd.Process.Pid, stop: stop}
	return a, nil
}

func (a *ociAgent) measureGets(ctx context.Context, srv *server, digest protocol.Hash, t *table) error {
	wkg, err := tools.Path("wkg-0.16.1")
	if err != nil {
		return err
	}
	wkg, err = filepath.Abs(wkg)
	if err != nil {
		return err
	}
	blob := srv.base + "v2/" + strings.Replace(ociPackage, ":", "/", 1) + "/blobs/" + digest.String()
	curl, err := a.timed(func() error {
		return exec.CommandContext(ctx, "curl", "--silent", "--show-error", "--fail", "--output", filepath.Join(a.dir, "curl.wasm"), blob).Run()
	})
	if err != nil {
		return err
	}
	kept := filepath.Join(a.kept, "content")
	for _, way := range []struct {
		figure string
		from   *server
		before func() error
	}{
		{"directly", srv, func() error { return nil }},
		{"through the agent, which has to get it", a.server, func() error { return os.RemoveAll(filepath.Join(kept, strings.TrimPrefix(digest.String(), "sha256:"))) }},
		{"through the agent, which has it", a.server, func() error { return nil }},
	} {
		now, _, err := way.from.resident()
		if err != nil {
			return err
		}
		took, err := a.timed(func() error {
			if err := way.before(); err != nil {
				return err
			}
			return a.get(ctx, wkg, way.from, digest)
		})
		if err != nil {
			return err
		}
		_, most, err := way.from.resident()
		if err != nil {
			return err
		}
		t.add(fmt.Sprintf("wkg get of %d MiB %s (curl of the blob: %s)", largeComponent>>20, way.figure, milliseconds(curl)), "",
			"%s, %.1f times", milliseconds(took), took.Seconds()/curl.Seconds())
		t.add("memory of whom wkg asks, peak above what it had before", "at most 32 MiB", "%d MiB (%d MiB altogether)", (most-now)>>10, most>>10)
	}
	return nil
}

// timed does something some times, and returns the median of how long it took.
func (a *ociAgent) timed(do func() error) (time.Duration, error) {
	var all []time.Duration
	for range gets {
		begin := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		all = append(all, time.Since(begin))
	}
	return median(all), nil
}

// get gets the component with wkg, which has no cache.
func (a *ociAgent) get(ctx context.Context, wkg string, from *server, digest protocol.Hash) error {
	cache, err := os.MkdirTemp(a.dir, "cache-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	config, file := filepath.Join(cache, "config.toml"), filepath.Join(cache, "got.wasm")
	host := from.address()
	text := fmt.Sprintf("[namespace_registries]\n%s = { registry = %q, metadata = { preferredProtocol = \"oci\", oci = { registry = %q } } }\n[registry.%q.oci]\nprotocol = \"http\"\n",
		namespace, host, host, host)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, wkg, "get", ociPackage+"@1.0.0", "--config", config, "--cache", cache, "-o", file)
	cmd.Env = []string{"HOME=" + cache}
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("wkg: %w\n%s", err, said)
	}
	content, err := wargclient.ContentOfFile(file)
	if err == nil && content.Digest != digest {
		err = fmt.Errorf("wkg got another content, %s", content.Digest)
	}
	return err
}

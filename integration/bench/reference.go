package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// measureReference measures the same reads on the reference server.
func (s *settings) measureReference(ctx context.Context, t *table) error {
	srv, err := s.startReference(ctx)
	if err != nil {
		return err
	}
	defer srv.stop()
	r, err := s.newReads(ctx, srv.client, s.packages)
	if err != nil {
		return err
	}
	prefix := t.prefix
	t.prefix = "the reference server: "
	defer func() { t.prefix = prefix }()
	return s.measureMix(ctx, srv.client, r, t)
}

// startReference runs the program that -reference names, warg-server 0.10.0.
func (s *settings) startReference(ctx context.Context) (*server, error) {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, "reference")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command(s.reference, "--listen", address, "--content-dir", dir, "--namespace", namespace)
	cmd.Env = append(withoutSettings(os.Environ()), "WARG_OPERATOR_KEY="+key.Text())
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() error { return errors.Join(cmd.Process.Signal(syscall.SIGKILL), cmd.Wait()) }
	srv := &server{client: newClient(address), stop: stop, kill: stop, pid: cmd.Process.Pid}
	for range 100 {
		if _, err = srv.checkpoint(ctx); err == nil {
			return srv, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.Join(fmt.Errorf("%s does not answer: %w", s.reference, err), stop())
}

// freeAddress returns an address of loopback that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

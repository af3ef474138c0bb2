package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/warg-trillian/warg-trillian/integration/upgrade/manifest"
)

// runner runs a server on a data folder.
type runner struct {
	binary, data string
	flags        []string
}

// during runs the server with further flags while work is done, and ends it with
// a signal.
func (r *runner) during(ctx context.Context, flags []string, end syscall.Signal, work func(url string) error) error {
	args := []string{"serve", "--data-dir", r.data, "--operator-key-file", filepath.Join(r.data, operatorKeyFile),
		"--listen", "127.0.0.1:0", "--namespace", manifest.Namespace}
	cmd := exec.CommandContext(ctx, r.binary, append(append(args, r.flags...), flags...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // no settings from the environment
	var said bytes.Buffer
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		err = fmt.Errorf("the server printed %q, want its address", line)
	} else {
		err = work("http://" + address)
	}
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return fmt.Errorf("%w; the server said:\n%s", err, &said)
	}
	if err := cmd.Process.Signal(end); err != nil {
		return fmt.Errorf("the server ended by itself: %w", err)
	}
	if err := cmd.Wait(); err != nil && end != syscall.SIGKILL {
		return fmt.Errorf("%w; the server said:\n%s", err, &said)
	}
	return nil
}

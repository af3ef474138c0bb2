package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const namespace = "example"

// stopTimeout is how long a server may take to stop before it is killed.
const stopTimeout = 30 * time.Second

// server is a registry that runs.
type server struct {
	*client
	stop func() error  // stops it in an orderly way
	kill func() error  // ends it at once; it must not be stopped then
	pid  int           // 0 inside this process
	took time.Duration // from the start until it said that it listens
}

// build compiles the server of this tree.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "warg-personality")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary,
		"github.com/warg-trillian/warg-trillian/cmd/warg-personality")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, output)
	}
	return binary, nil
}

// newServer starts a registry on a new data folder with that name.
func (s *settings) newServer(ctx context.Context, name string, flags ...string) (*server, string, error) {
	data, err := os.MkdirTemp(s.dir, name+"-")
	if err != nil {
		return nil, "", err
	}
	srv, err := s.start(ctx, data, flags...)
	return srv, data, err
}

// start runs a registry on a data folder, with further flags.
func (s *settings) start(ctx context.Context, data string, flags ...string) (*server, error) {
	if s.cpuProfile != "" {
		return startInside(ctx, data, s.cpuProfile)
	}
	cmd := exec.Command(s.binary, append([]string{"serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--namespace", namespace}, flags...)...)
	// By the environment, for servers of earlier releases have no such flags.
	shared := filepath.Dir(data) // those that share a registry share its note keys
	cmd.Env = append(withoutSettings(os.Environ()), "WARG_RECORDS_NOTE_KEY_FILE="+filepath.Join(shared, "records-note.key"),
		"WARG_CHECKPOINTS_NOTE_KEY_FILE="+filepath.Join(shared, "checkpoints-note.key"), "WARG_WITNESS_POLICY_FILE="+s.witnessPolicy)
	messages, err := os.Create(data + ".log")
	if err != nil {
		return nil, err
	}
	defer messages.Close() // the process has its own
	cmd.Stderr = messages
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	took := time.Since(started)
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		cmd.Process.Kill()
		said, _ := os.ReadFile(messages.Name())
		return nil, fmt.Errorf("the server did not start (%w); it said: %s", errors.Join(err, cmd.Wait()), said)
	}
	stop := func() error {
		giveUp := time.AfterFunc(stopTimeout, func() { cmd.Process.Kill() })
		defer giveUp.Stop()
		return errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
	}
	kill := func() error {
		err := cmd.Process.Kill()
		cmd.Wait() // says that it was killed
		return err
	}
	return &server{client: newClient(address), stop: stop, kill: kill, pid: cmd.Process.Pid, took: took}, nil
}

// withoutSettings leaves out what would configure the server.
func withoutSettings(environment []string) []string {
	var rest []string
	for _, e := range environment {
		if !strings.HasPrefix(e, "WARG_") {
			rest = append(rest, e)
		}
	}
	return rest
}

// startInside runs a registry in this process, for a profile of it.
func startInside(ctx context.Context, data, profile string) (*server, error) {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	registry, err := personality.Open(ctx, personality.Options{
		DataDir: data, OperatorKeys: []protocol.Signer{key}, Database: store.SQLite{File: filepath.Join(data, "registry.db")}, Trillian: personality.EmbeddedTrillian{Dir: data},
		CacheBytes: 48 << 20,
		Namespaces: admission.Namespaces{Defined: []string{namespace}},
		Content:    content.Options{Dir: filepath.Join(data, "content"), Policy: content.PolicyWasm, MaxSize: 1 << 20},
		Admission:  admission.Options{UploadTimeout: time.Hour}, Publisher: publisher.Options{CheckpointInterval: 100 * time.Millisecond},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, registry.Close())
	}
	runCtx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- registry.Run(runCtx) }()
	httpServer := &http.Server{Handler: registry.Handler()}
	go httpServer.Serve(listener)

	file, err := os.Create(profile)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	stop := func() error {
		pprof.StopCPUProfile()
		err := errors.Join(file.Close(), httpServer.Close())
		cancel()
		return errors.Join(err, <-ran, registry.Close())
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return &server{client: newClient(listener.Addr().String()), stop: stop, took: time.Since(started)}, nil
}

// resident is the memory of the server's process in KiB: now, and at most so
// far.
func (s *server) resident() (now, most int, err error) {
	status := fmt.Sprintf("/proc/%d/status", s.pid)
	read := func(name string) (int, error) {
		return strconv.Atoi(strings.TrimSuffix(procField(status, name), " kB"))
	}
	now, err = read("VmRSS")
	if err != nil {
		return 0, 0, err
	}
	most, err = read("VmHWM")
	return now, most, err
}

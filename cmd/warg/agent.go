package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/agent"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/keys"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// agentCommand serves a registry to wkg.
type agentCommand struct {
	session.Flags
	Keys      keys.Flags `embed:""`
	ReadOnly  bool       `help:"Publish nothing, and look for no signing key."`
	Listen    string     `default:"127.0.0.1:8091" placeholder:"HOST:PORT" help:"Address on loopback to listen on (default: ${default})."`
	TokenFile string     `type:"path" placeholder:"FILE" help:"Ask for the token in this file, which is made with a new one if it is missing. Without it, whoever can reach the address publishes in your name: all users and programs of this machine."`
	Dir       string     `type:"path" placeholder:"FOLDER" help:"Folder for uploads and content; with what is remembered of the registry if it is not given."`
	KeepMiB   int64      `name:"keep-mib" default:"2048" placeholder:"MIB" help:"How much content stays in the folder, in MiB (default: ${default})."`
}

// Bounds of the agent's HTTP server. Uploads and downloads may take their time.
const (
	agentHeaderTimeout = 10 * time.Second
	agentIdleTimeout   = 2 * time.Minute
	agentDrain         = 10 * time.Second // for requests under way at the end
	maxToken           = 4 << 10          // bytes of a token file
)

// listening is what the agent says when it is ready, as JSON.
type listening struct {
	Address    string          `json:"address"`
	Registry   string          `json:"registry"`
	Namespaces []string        `json:"namespaces"`
	KeyID      *protocol.KeyID `json:"keyId,omitempty"` // of the signing key; absent if it publishes nothing
}

// Run serves until the context ends.
func (c agentCommand) Run(env *environment, out *output) error {
	if c.KeepMiB < 0 {
		return usage("--keep-mib must not be negative")
	}
	token, err := readToken(c.TokenFile)
	if err != nil {
		return usageError{err}
	}
	listener, err := agent.Listen(c.Listen)
	if err != nil {
		return usageError{err}
	}
	defer listener.Close()
	return env.withRegistry(out, c.Flags, func(s *session.Session) error {
		return c.serve(env, out, s, listener, token)
	})
}

func (c agentCommand) serve(env *environment, out *output, s *session.Session, listener net.Listener, token string) error {
	log := slog.New(slog.NewTextHandler(env.stderr, nil))
	ready := listening{Address: listener.Addr().String(), Registry: s.Registry}
	signer, err := c.signer(env, s)
	switch {
	case err != nil:
		return err
	case signer == nil:
		out.remark("the agent has no signing key, and publishes nothing")
	default:
		id := signer.Public().ID()
		ready.KeyID = &id
	}
	operator, err := s.Client.Operator(env.context)
	if err != nil {
		return err
	}
	for namespace := range operator.Namespaces() {
		if !namespace.Imported {
			ready.Namespaces = append(ready.Namespaces, namespace.Name)
		}
	}
	evidence := evidenceOf{session: s, log: log}
	a, err := agent.New(agent.Options{
		Registry: s.Client, Signer: signer, Token: token, Logger: log,
		Dir: c.dir(s), Identity: fmt.Sprintf("%s with operator key %s", s.Registry, operator.Key.ID()), MaxKept: c.KeepMiB << 20,
		Explain: evidence.explain,
	})
	if err != nil {
		return err
	}
	var lines strings.Builder
	if err := (agent.Configuration{Address: ready.Address, Namespaces: ready.Namespaces, TokenFile: c.TokenFile}).Write(&lines); err != nil {
		return err
	}
	out.say("listening", ready, append(strings.Split(lines.String(), "\n"), "listening on "+ready.Address)...)
	return serveUntil(env.context, listener, a.Handler(), log)
}

// signer returns the signing key, nil if nothing is to be published: there is none, or the
// user does not want it.
func (c agentCommand) signer(env *environment, s *session.Session) (protocol.Signer, error) {
	if c.ReadOnly {
		return nil, nil
	}
	signer, err := c.Keys.Load(env.context, keys.Source{Home: s.Home, Registry: s.Registry, Named: s.Named()})
	if errors.Is(err, home.ErrNoSecret) {
		return nil, nil
	}
	return signer, err
}

func (c agentCommand) dir(s *session.Session) string {
	if c.Dir != "" {
		return c.Dir
	}
	return filepath.Join(s.VerifiedDir(), "agent") // so that `warg reset` forgets it, too
}

// evidencePause is how often evidence is kept at most: wkg may ask again and again.
const evidencePause = time.Minute

// evidenceOf keeps evidence of a registry's lies.
type evidenceOf struct {
	session *session.Session
	log     *slog.Logger

	mu   sync.Mutex
	last time.Time // guarded by mu; when evidence was kept
}

// explain explains an error as the session does; but evidence is not kept again and again. It
// says where it is kept.
func (e *evidenceOf) explain(err error) error {
	var lie *client.VerificationError
	if !errors.As(err, &lie) {
		return e.session.Explain(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.last) < evidencePause {
		return err
	}
	e.last = time.Now()
	var kept *session.EvidenceError
	if err := e.session.Explain(err); errors.As(err, &kept) && kept.File != "" {
		e.log.Error("what the registry answered is kept: show it to the registry's operator, and to others who use it", "file", kept.File)
	} else {
		e.log.Error("the evidence could not be kept", "error", err)
	}
	return err
}

// serveUntil serves until the context ends, and then until the requests under way are
// answered.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: agentHeaderTimeout, IdleTimeout: agentIdleTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), agentDrain)
	defer cancel()
	if err := server.Shutdown(drain); errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(fmt.Errorf("requests under way were cut off after %v", agentDrain), server.Close())
	} else if err != nil {
		return err
	}
	return nil
}

// readToken reads the token in a file, or makes the file with a new one; no file, no token.
func readToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		// Lower case, so that it can stand in the path of a request, too.
		text = []byte(strings.ToLower(rand.Text()) + "\n")
		err = home.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > maxToken || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("token file %s: it has to hold one word: delete it, and a new one is made", path)
	}
	return token, nil
}

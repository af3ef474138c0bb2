// Package session opens the client of a registry as the user's configuration and flags
// say: which registry, whom to trust, what was verified before, and with which token.
// Commands of the client, and the agent, use it so:
//
//	s, err := flags.Open(ctx, session.Options{})
//	...
//	defer s.Close()
//	p, err := s.Client.Package(ctx, name)
//	...
//	return s.Explain(err) // keeps evidence if the registry did not prove what it said
//
// A Session may be used by several goroutines.
package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// Flags say which registry is meant, and what is demanded of it. They are for kong, to be
// embedded in the flags of a command.
type Flags struct {
	Registry    string        `placeholder:"URL" help:"URL of the registry; the configured one if it is not given."`
	Config      string        `type:"path" placeholder:"FILE" help:"Configuration file; without it warg-config.json in this folder or one above it, or else the user's."`
	OperatorKey string        `placeholder:"KEY" help:"Public key that the registry's operator log must begin with, ecdsa-p256:<base64>. Without one, here or configured, the key that is met first is believed from then on."`
	Policy      string        `type:"path" placeholder:"FILE" help:"Policy (C2SP tlog-policy): witnesses that must have cosigned the registry's log."`
	MaxAge      time.Duration `placeholder:"DURATION" help:"Refuse a checkpoint that was signed longer ago, such as 24h."`
	Token       string        `env:"WARG_TOKEN" placeholder:"TOKEN" help:"Bearer token of a private registry. Rather use the variable, which others do not see, or 'warg login'."`
}

// UserAgent is what the client calls itself.
const UserAgent = "warg-go"

// Options are what surrounds a session.
type Options struct {
	// Transport makes the requests; nil: [http.DefaultTransport].
	Transport http.RoundTripper
	// Remark gets remarks for people, a line each; nil: nobody does.
	Remark io.Writer
	// MaxIdle is for how long a registry may keep silent; 0: [client.DefaultMaxIdle].
	MaxIdle time.Duration
	// Now is the clock; nil: [time.Now].
	Now func() time.Time
}

// Session is a registry that is used.
type Session struct {
	Home     *home.Home
	Client   *client.Client
	Registry string // its URL, as the user named it: what is remembered goes by it
	Trust    home.Trust
	Policy   *witness.Policy // nil without one

	api      string // its URL, as it says itself
	named    string // by a flag; "" without
	token    string
	store    *client.FolderStore
	recorder *recorder
	remark   io.Writer
	maxIdle  time.Duration
	now      func() time.Time
}

// UsageError says that the flags or the configuration can not be used.
type UsageError struct{ error }

func (e UsageError) Unwrap() error { return e.error }

// Open opens a session. It asks the registry where its API is, and nothing else. Errors:
// [UsageError], and those of files.
func (f Flags) Open(ctx context.Context, o Options) (*Session, error) {
	s, err := f.OpenOffline(o)
	if err != nil {
		return nil, err
	}
	s.api = findAPI(ctx, s.http(), s.Registry, s.maxIdle)
	if s.token, err = f.token(s); err != nil {
		return nil, err
	}
	if s.store, err = client.OpenFolder(s.VerifiedDir()); err != nil {
		return nil, err
	}
	s.remarkFirstContact(ctx)
	options := client.Options{
		HTTPClient: s.http(), Token: s.token, UserAgent: UserAgent, Store: s.store,
		MaxCheckpointAge: time.Duration(s.Trust.MaxAge), Witnesses: s.Policy, MaxIdle: s.maxIdle, Now: o.Now,
	}
	if s.Trust.OperatorKey != nil {
		options.OperatorKey = *s.Trust.OperatorKey
	}
	if s.Client, err = client.New(s.api, options); err != nil {
		return nil, UsageError{err}
	}
	return s, nil
}

// OpenOffline opens a session that can not ask the registry: its Client is nil.
func (f Flags) OpenOffline(o Options) (*Session, error) {
	h, err := home.Open(f.Config)
	if err != nil {
		return nil, UsageError{err}
	}
	s := &Session{Home: h, named: f.Registry, remark: o.Remark, maxIdle: cmp.Or(o.MaxIdle, client.DefaultMaxIdle), now: o.Now}
	if s.remark == nil {
		s.remark = io.Discard
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.Registry, err = h.Registry(f.Registry); err != nil {
		return nil, UsageError{err}
	}
	s.api = s.Registry
	transport := o.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	s.recorder = &recorder{base: transport}
	return s, f.trust(s)
}

// trust reads what is demanded of the registry: the flags go before the settings.
func (f Flags) trust(s *Session) (err error) {
	if s.Trust, err = s.Home.Trust(s.Registry); err != nil {
		return UsageError{err}
	}
	if f.OperatorKey != "" {
		key, err := protocol.ParsePublicKey(f.OperatorKey)
		if err != nil {
			return UsageError{fmt.Errorf("--operator-key is not a public key such as ecdsa-p256:<base64>: %w", err)}
		}
		s.Trust.OperatorKey = &key
	}
	if f.MaxAge < 0 {
		return UsageError{errors.New("--max-age must not be negative")}
	}
	if f.MaxAge > 0 {
		s.Trust.MaxAge = home.Duration(f.MaxAge)
	}
	if f.Policy != "" {
		s.Trust.Policy = f.Policy
	}
	if s.Trust.Policy == "" {
		return nil
	}
	if s.Policy, err = ReadPolicy(s.Trust.Policy); err != nil {
		return UsageError{err}
	}
	return nil
}

// maxPolicy is the size in bytes of the largest policy that is read.
const maxPolicy = 1 << 20

// policyLine is a line of a policy.
var policyLine = regexp.MustCompile(`(?m)^[ \t]*(log|witness|group|quorum)[ \t]`)

// ReadPolicy reads a policy that names the records log of a registry.
func ReadPolicy(path string) (*witness.Policy, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("policy of witnesses: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPolicy))
	if err != nil {
		return nil, fmt.Errorf("policy of witnesses: %w", err)
	}
	policy, err := witness.ParsePolicy(text)
	if err != nil && !policyLine.Match(text) { // it may be a key: nothing of it is shown
		return nil, fmt.Errorf("%s is no policy of witnesses: no line of it begins with log, witness, group or quorum", path)
	}
	if err != nil {
		return nil, fmt.Errorf("policy of witnesses %s: %w", path, err)
	}
	if len(policy.Logs()) == 0 {
		return nil, fmt.Errorf("policy of witnesses %s: it names no log; add a line: log <vkey of the registry's records log>", path)
	}
	return policy, nil
}

// token is the bearer token: of the flag or variable, or of the keyring if the user is
// logged in.
func (f Flags) token(s *Session) (string, error) {
	if f.Token != "" {
		return f.Token, nil
	}
	if !s.Home.Config.KeyringAuth {
		return "", nil
	}
	keyring, err := s.Home.Keyring()
	if err != nil {
		return "", UsageError{err}
	}
	token, err := keyring.Token(s.api)
	if errors.Is(err, home.ErrNoSecret) {
		return "", nil
	}
	return token, err
}

// remarkFirstContact tells when a registry is believed because nobody said otherwise.
func (s *Session) remarkFirstContact(ctx context.Context) {
	known, err := s.store.Read(ctx, "operator")
	if err == nil && known == nil && s.Trust.OperatorKey == nil {
		fmt.Fprintf(s.remark, "first contact with %s: the operator key that it shows now is believed from here on (pin one: `warg config --operator-key KEY`)\n", s.Registry)
	}
}

// VerifiedDir is the folder of what was verified of the registry.
func (s *Session) VerifiedDir() string {
	return filepath.Join(s.Home.RegistryDir(s.Registry), "verified")
}

// Packages are the packages that something is remembered of.
func (s *Session) Packages() ([]protocol.PackageName, error) { return s.store.Packages() }

// Named is the text that the flag named the registry by; "" if it did not.
func (s *Session) Named() string { return s.named }

// API is the URL of the registry's API, which the domain of the registry may have named.
func (s *Session) API() string { return s.api }

// LoggedIn says whether requests have a token.
func (s *Session) LoggedIn() bool { return s.token != "" }

// Token is the bearer token, for what does not use the Client; "" without one.
func (s *Session) Token() string { return s.token }

func (s *Session) http() *http.Client { return &http.Client{Transport: s.recorder} }

// MaxIdle is for how long the registry may keep silent, for what does not use the Client.
func (s *Session) MaxIdle() time.Duration { return s.maxIdle }

// Close lets connections go.
func (s *Session) Close() { s.http().CloseIdleConnections() }

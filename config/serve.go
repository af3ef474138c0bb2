// Package config is the typed configuration of the server. [Serve] is the one
// place where a setting has its name, default, environment variable and help;
// flags, environment and the YAML file are all read from it.
//
// Flags win, then the environment, then the file, then the defaults. An
// environment variable that is set to the empty text counts as not set, as
// compose files and unit files commonly pass them so.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/files"
)

// OperatorKeyVariable is the environment variable with the operator's private
// key. It has no flag and no key in the file: a flag would show in process
// listings.
const OperatorKeyVariable = "WARG_OPERATOR_KEY"

// Serve are the settings of `warg-personality serve`. After parsing, paths
// that depend on the data folder are filled in and everything is checked.
type Serve struct {
	Config string `env:"WARG_CONFIG" group:"file" placeholder:"FILE" help:"YAML file with settings; its keys are the names of these flags without the dashes in front."`

	Listen        HostPort `env:"WARG_LISTEN" group:"net" default:"127.0.0.1:8090" placeholder:"HOST:PORT" help:"Address to serve the registry API on (default: ${default}). Port 0 takes a free one."`
	BaseURL       URL      `env:"WARG_BASE_URL" name:"base-url" group:"net" placeholder:"URL" help:"URL by which clients reach this registry (default: the host that each request names)."`
	MetricsListen HostPort `env:"WARG_METRICS_LISTEN" group:"net" placeholder:"HOST:PORT" help:"Address to serve metrics on, for Prometheus, at /metrics; without it, they are not served."`
	DebugPprof    bool     `env:"WARG_DEBUG_PPROF" name:"debug-pprof" group:"net" default:"false" help:"Serve profiles of this process beside the metrics, at /debug/pprof/ (default: ${default})."`
	TLSCertFile   string   `env:"WARG_TLS_CERT_FILE" name:"tls-cert-file" group:"net" placeholder:"FILE" help:"PEM file with the certificate for TLS, and those that lead to its root; without it, plain HTTP. Read again on SIGHUP."`
	TLSKeyFile    string   `env:"WARG_TLS_KEY_FILE" name:"tls-key-file" group:"net" placeholder:"FILE" help:"PEM file with the private key of that certificate. Read again on SIGHUP."`

	DataDir            string   `env:"WARG_DATA_DIR" group:"data" default:"./data" placeholder:"DIR" help:"Folder for everything this registry keeps; made if missing (default: ${default})."`
	DatabaseURL        Secret   `env:"WARG_DATABASE_URL" name:"database-url" group:"data" placeholder:"DSN" help:"MySQL or MariaDB, as user:password@tcp(host:port)/database; without it, SQLite in the data folder. Several processes may share one; it needs --trillian."`
	DatabaseURLFile    string   `env:"WARG_DATABASE_URL_FILE" name:"database-url-file" group:"data" placeholder:"FILE" help:"File that holds the database URL, in place of --database-url."`
	Trillian           HostPort `env:"WARG_TRILLIAN" group:"data" placeholder:"HOST:PORT" help:"Trillian log server; without it, Trillian runs in this process."`
	TrillianCAFile     string   `env:"WARG_TRILLIAN_CA_FILE" name:"trillian-ca-file" group:"data" placeholder:"FILE" help:"PEM file with the certificates to trust the Trillian log server by; with it, or a client certificate, the connection uses TLS."`
	TrillianServerName string   `env:"WARG_TRILLIAN_SERVER_NAME" name:"trillian-server-name" group:"data" placeholder:"NAME" help:"Name that the Trillian log server's certificate must have (default: the host of --trillian)."`
	TrillianCertFile   string   `env:"WARG_TRILLIAN_CERT_FILE" name:"trillian-cert-file" group:"data" placeholder:"FILE" help:"PEM file with this registry's client certificate for the Trillian log server."`
	TrillianKeyFile    string   `env:"WARG_TRILLIAN_KEY_FILE" name:"trillian-key-file" group:"data" placeholder:"FILE" help:"PEM file with the private key of that certificate."`
	RecordsTree        int64    `env:"WARG_RECORDS_TREE" name:"records-tree" group:"data" default:"0" placeholder:"ID" help:"Trillian tree to use as the records log (default: one made at the first start, whose id the registry's database keeps)."`
	CheckpointsTree    int64    `env:"WARG_CHECKPOINTS_TREE" name:"checkpoints-tree" group:"data" default:"0" placeholder:"ID" help:"Trillian tree to use as the checkpoints log (default: as for the records log)."`

	Namespace          []Namespace         `env:"WARG_NAMESPACE" group:"who" placeholder:"NAME" help:"Namespace that this registry defines, in lower kebab case (repeatable). Added to the operator log at start; namespaces are never removed."`
	ImportedNamespace  []ImportedNamespace `env:"WARG_IMPORTED_NAMESPACE" group:"who" placeholder:"NAME=REGISTRY" help:"Namespace that another registry serves, and that registry's domain (repeatable); clients are sent there."`
	OperatorKeyFile    string              `env:"WARG_OPERATOR_KEY_FILE" group:"who" placeholder:"FILE" help:"File with the operator's private key (default: operator.key in the data folder, made at first start). The environment variable WARG_OPERATOR_KEY, holding the key itself, wins over it."`
	AuthorizedKeysFile string              `env:"WARG_AUTHORIZED_KEYS_FILE" group:"who" placeholder:"FILE" help:"TOML file with the keys that may publish, by namespace and package; without it, anybody may. Read again on SIGHUP."`
	TokensFile         string              `env:"WARG_TOKENS_FILE" group:"who" placeholder:"FILE" help:"File with the hashes of bearer tokens; with it the registry is private. warg-personality token new makes its lines. Read again on SIGHUP."`

	ContentDir     string        `env:"WARG_CONTENT_DIR" group:"content" placeholder:"DIR" help:"Folder for package content (default: content in the data folder)."`
	ContentBaseURL URL           `env:"WARG_CONTENT_BASE_URL" name:"content-base-url" group:"content" placeholder:"URL" help:"URL under which clients download content, if not from this server."`
	ContentPolicy  ContentPolicy `env:"WARG_CONTENT_POLICY" group:"content" default:"wasm" placeholder:"POLICY" help:"Content to accept: wasm (valid WebAssembly modules and components) or none (anything) (default: ${default})."`
	MaxContentSize ByteSize      `env:"WARG_MAX_CONTENT_SIZE" group:"content" default:"256MiB" placeholder:"SIZE" help:"Largest content to accept, in bytes or with KiB, MiB or GiB (default: ${default})."`
	UploadTimeout  Duration      `env:"WARG_UPLOAD_TIMEOUT" group:"content" default:"24h" placeholder:"TIME" help:"A record whose content has not come by then is rejected (default: ${default})."`

	CheckpointInterval Duration `env:"WARG_CHECKPOINT_INTERVAL" group:"log" default:"100ms" placeholder:"TIME" help:"At most one checkpoint in this time (default: ${default}). A lone record does not wait for it."`

	Limits

	LogLevel  LogLevel  `env:"WARG_LOG_LEVEL" group:"diag" default:"info" placeholder:"LEVEL" help:"Least severe messages to log: debug, info, warn or error (default: ${default})."`
	LogFormat LogFormat `env:"WARG_LOG_FORMAT" group:"diag" default:"text" placeholder:"FORMAT" help:"Form of log lines, on standard error: text or json (default: ${default})."`

	// OperatorKey is the value of WARG_OPERATOR_KEY, empty if not set. It wins
	// over OperatorKeyFile.
	OperatorKey Secret `kong:"-"`
}

// DefaultOperatorKeyFile is the operator key's file when no setting names one.
// Only this file is made by the server itself.
func (s *Serve) DefaultOperatorKeyFile() string {
	return filepath.Join(s.DataDir, "operator.key")
}

// TrillianTLS says whether the connection to the Trillian log server uses TLS.
func (s *Serve) TrillianTLS() bool {
	return s.TrillianCAFile != "" || s.TrillianServerName != "" || s.TrillianCertFile != ""
}

// ReadDatabaseURL returns the database URL, from its file if that is how it is
// given; empty for SQLite.
func (s *Serve) ReadDatabaseURL() (string, error) {
	if s.DatabaseURLFile == "" {
		return string(s.DatabaseURL), nil
	}
	text, err := files.ReadOnce(s.DatabaseURLFile, files.SecretSize)
	if err != nil {
		return "", fmt.Errorf("--database-url-file: %w", err)
	}
	url := strings.TrimSpace(string(text))
	if url == "" {
		return "", fmt.Errorf("--database-url-file: %s is empty", s.DatabaseURLFile)
	}
	return url, nil
}

// AfterApply is called by the parser once all sources are read: it fills in
// what depends on other settings and checks what no single setting can.
func (s *Serve) AfterApply() error {
	s.OperatorKey = Secret(os.Getenv(OperatorKeyVariable))
	if s.ContentDir == "" {
		s.ContentDir = filepath.Join(s.DataDir, "content")
	}
	if s.DatabaseURL != "" && s.DatabaseURLFile != "" {
		return errors.New("--database-url and --database-url-file (or WARG_DATABASE_URL and WARG_DATABASE_URL_FILE) are both set; keep one")
	}
	if (s.DatabaseURL != "" || s.DatabaseURLFile != "") && s.Trillian == "" {
		return errors.New("--database-url (or WARG_DATABASE_URL) needs --trillian: a Trillian inside this process cannot be shared by those that share the database")
	}
	if s.Trillian == "" && (s.TrillianTLS() || s.RecordsTree != 0 || s.CheckpointsTree != 0) {
		return errors.New("--trillian-ca-file, --trillian-server-name, --trillian-cert-file, --trillian-key-file, --records-tree and --checkpoints-tree are for a Trillian elsewhere, which --trillian (or WARG_TRILLIAN) names")
	}
	if (s.TrillianCertFile == "") != (s.TrillianKeyFile == "") {
		return errors.New("--trillian-cert-file and --trillian-key-file (or WARG_TRILLIAN_CERT_FILE and WARG_TRILLIAN_KEY_FILE) go together; set both or none")
	}
	if (s.TLSCertFile == "") != (s.TLSKeyFile == "") {
		return errors.New("--tls-cert-file and --tls-key-file (or WARG_TLS_CERT_FILE and WARG_TLS_KEY_FILE) go together; set both or none")
	}
	if s.DebugPprof && s.MetricsListen == "" {
		return errors.New("--debug-pprof (or WARG_DEBUG_PPROF) needs --metrics-listen: profiles are served there")
	}
	seen := map[string]string{}
	for _, n := range s.Namespace {
		if seen[string(n)] != "" {
			return fmt.Errorf("--namespace: %q is listed twice", n)
		}
		seen[string(n)] = "--namespace"
	}
	for _, n := range s.ImportedNamespace {
		if by := seen[n.Name]; by != "" {
			return fmt.Errorf("--imported-namespace: %q is already listed by %s; a namespace has one registry", n.Name, by)
		}
		seen[n.Name] = "--imported-namespace"
	}
	return nil
}

// Help is the text below the usage line of `serve --help`.
func (s *Serve) Help() string {
	return `Runs a registry. Without any setting it keeps everything in ./data and
listens on loopback. For example:

  warg-personality serve --namespace example --listen 0.0.0.0:8090 \
      --base-url https://registry.example.com --data-dir /var/lib/warg

Each setting is a flag, an environment variable (named in brackets below) and
a key of the YAML file that --config names. Flags win, then the environment,
then the file. Lists are comma-separated, or flags given more than once.

When it is ready it prints "listening on ADDRESS". SIGTERM finishes what is
under way and stops, SIGHUP reads the authorized keys, the tokens and the
certificate again.`
}

package config

import (
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
)

// Addresses are the settings of where the server listens, and how it is reached.
type Addresses struct {
	Listen        HostPort `env:"WARG_LISTEN" group:"net" default:"127.0.0.1:8090" placeholder:"HOST:PORT" help:"Address to serve the registry API on (default: ${default}). Port 0 takes a free one."`
	BaseURL       URL      `env:"WARG_BASE_URL" name:"base-url" group:"net" placeholder:"URL" help:"URL by which clients reach this registry (default: the host that each request names)."`
	Web           bool     `env:"WARG_WEB" group:"net" default:"true" help:"Show browsers pages of what is in the registry, at its address; they need the index that --discovery is about (default: ${default})."`
	MetricsListen HostPort `env:"WARG_METRICS_LISTEN" group:"net" placeholder:"HOST:PORT" help:"Address to serve metrics on, for Prometheus, at /metrics; without it, they are not served."`
	DebugPprof    bool     `env:"WARG_DEBUG_PPROF" name:"debug-pprof" group:"net" default:"false" help:"Serve profiles of this process beside the metrics, at /debug/pprof/ (default: ${default})."`
	ShutdownDelay Delay    `env:"WARG_SHUTDOWN_DELAY" name:"shutdown-delay" group:"net" default:"0s" placeholder:"TIME" help:"How long to serve on after SIGTERM while /readyz already answers 503, so that proxies that ask it send nothing more (default: ${default})."`
	TLSCertFile   string   `env:"WARG_TLS_CERT_FILE" name:"tls-cert-file" group:"net" placeholder:"FILE" help:"PEM file with the certificate for TLS, and those that lead to its root; without it, plain HTTP. Read again on SIGHUP."`
	TLSKeyFile    string   `env:"WARG_TLS_KEY_FILE" name:"tls-key-file" group:"net" placeholder:"FILE" help:"PEM file with the private key of that certificate. Read again on SIGHUP."`
}

func (a *Addresses) check() error {
	if (a.TLSCertFile == "") != (a.TLSKeyFile == "") {
		return errors.New("--tls-cert-file and --tls-key-file (or WARG_TLS_CERT_FILE and WARG_TLS_KEY_FILE) go together; set both or none")
	}
	if a.DebugPprof && a.MetricsListen == "" {
		return errors.New("--debug-pprof (or WARG_DEBUG_PPROF) needs --metrics-listen: profiles are served there")
	}
	return nil
}

func (a *Addresses) set(o *httpapi.Options) {
	o.BaseURL = string(a.BaseURL)
}

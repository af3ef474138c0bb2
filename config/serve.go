// Package config is the typed configuration of the server. [Serve] is the one
// place where a setting has its name, default, environment variable and help;
// flags, environment and the YAML file are all read from it.
//
// Flags win, then the environment, then the file, then the defaults. An
// environment variable that is set to the empty text counts as not set, as
// compose files and unit files commonly pass them so.
//
// To add a setting, add it to the options of the part that it is for, and here
// to the group that it belongs to, whose last methods hand it over.
package config

import (
	"cmp"
	"path/filepath"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
)

// Serve are the settings of `warg-personality serve`, in groups. After parsing,
// paths that depend on the data folder are filled in and everything is checked.
type Serve struct {
	Config string `env:"WARG_CONFIG" group:"file" placeholder:"FILE" help:"YAML file with settings; its keys are the names of these flags without the dashes in front."`

	Addresses
	Storage
	Keys
	Content
	Records
	Limits
	Messages
}

// AfterApply is called by the parser once all sources are read: it fills in
// what depends on other settings and checks what no single setting can.
func (s *Serve) AfterApply() error {
	return cmp.Or(s.OperatorKeys.Complete(), s.Content.apply(s.DataDir), s.Storage.check(), s.Addresses.check(), s.Keys.check())
}

// Options are the settings as the registry takes them, but for the operator
// key, which may have to be made.
func (s *Serve) Options() (personality.Options, error) {
	database, err := s.database()
	if err != nil {
		return personality.Options{}, err
	}
	o := personality.Options{
		DataDir:            s.DataDir,
		Database:           database,
		Trillian:           s.trillian(),
		Namespaces:         s.namespaces(),
		Notes:              s.notes(),
		Witnesses:          s.witnesses(),
		AuthorizedKeysFile: s.AuthorizedKeysFile,
		TokensFile:         s.TokensFile,
		RegistriesFile:     s.RegistriesFile,
		CacheBytes:         int64(s.CacheSize),
		Discovery:          s.Discovery,
		Web:                s.Web,
		Content:            s.content(s.DataDir),
		RequireLicense:     s.RequireLicense,
		Sources:            personality.Sources(s.ContentSources),
		Outbound:           s.outbound(s.MinTransferRate),
		Admission:          s.admission(),
		Publisher:          s.publisher(),
		Limits:             s.limits(),
	}
	o.Admission.FetchTimeout = time.Duration(s.FetchTimeout)
	o.Content.CacheDir = filepath.Join(s.DataDir, "cache")
	s.Addresses.set(&o.API)
	s.Content.set(&o.API, &o.Admission)
	s.Limits.set(&o.API)
	return o, nil
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
under way and stops, SIGHUP reads the operator keys, the authorized keys, the
tokens, the witness policy and the certificate again.`
}

package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

// databaseFile is the registry's own database in the data folder, without a
// database URL.
const databaseFile = "registry.db"

// Storage are the settings of where data is kept.
type Storage struct {
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
	Discovery          bool     `env:"WARG_DISCOVERY" group:"data" default:"true" help:"Keep an index of what is in packages in the data folder, and answer searches (default: ${default})."`
	CacheSize          ByteSize `env:"WARG_CACHE_SIZE" name:"cache-size" group:"data" default:"48MiB" placeholder:"SIZE" help:"Memory for what was read of the database and of Trillian and never changes, so that it need not be read again (default: ${default})."`
}

func (s *Storage) check() error {
	if s.DatabaseURL != "" && s.DatabaseURLFile != "" {
		return errors.New("--database-url and --database-url-file (or WARG_DATABASE_URL and WARG_DATABASE_URL_FILE) are both set; keep one")
	}
	if (s.DatabaseURL != "" || s.DatabaseURLFile != "") && s.Trillian == "" {
		return errors.New("--database-url (or WARG_DATABASE_URL) needs --trillian: a Trillian inside this process cannot be shared by those that share the database")
	}
	if s.Trillian == "" && (s.trillianTLS() != nil || s.RecordsTree != 0 || s.CheckpointsTree != 0) {
		return errors.New("--trillian-ca-file, --trillian-server-name, --trillian-cert-file, --trillian-key-file, --records-tree and --checkpoints-tree are for a Trillian elsewhere, which --trillian (or WARG_TRILLIAN) names")
	}
	if (s.TrillianCertFile == "") != (s.TrillianKeyFile == "") {
		return errors.New("--trillian-cert-file and --trillian-key-file (or WARG_TRILLIAN_CERT_FILE and WARG_TRILLIAN_KEY_FILE) go together; set both or none")
	}
	return nil
}

// database is where the registry's own state is kept.
func (s *Storage) database() (store.Database, error) {
	url, setting := string(s.DatabaseURL), "--database-url"
	if s.DatabaseURLFile != "" {
		setting = "--database-url-file"
		text, err := files.ReadOnce(s.DatabaseURLFile, files.SecretSize)
		if err != nil {
			return nil, fmt.Errorf("--database-url-file: %w", err)
		}
		if url = strings.TrimSpace(string(text)); url == "" {
			return nil, fmt.Errorf("--database-url-file: %s is empty", s.DatabaseURLFile)
		}
	}
	if url == "" {
		return store.SQLite{File: filepath.Join(s.DataDir, databaseFile)}, nil
	}
	database := store.MySQL{DSN: url}
	if err := database.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return database, nil
}

// trillian is where the logs are.
func (s *Storage) trillian() personality.Trillian {
	if s.Trillian == "" {
		return personality.EmbeddedTrillian{Dir: s.DataDir}
	}
	return personality.RemoteTrillian{
		Server:          trilliansvc.Options{Target: string(s.Trillian), TLS: s.trillianTLS()},
		RecordsTree:     s.RecordsTree,
		CheckpointsTree: s.CheckpointsTree,
	}
}

// trillianTLS is nil if the connection to the Trillian log server does not use
// TLS.
func (s *Storage) trillianTLS() *trilliansvc.TLS {
	if s.TrillianCAFile == "" && s.TrillianServerName == "" && s.TrillianCertFile == "" {
		return nil
	}
	return &trilliansvc.TLS{CAFile: s.TrillianCAFile, ServerName: s.TrillianServerName, CertFile: s.TrillianCertFile, KeyFile: s.TrillianKeyFile}
}

package integration

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/integration/trillian"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// cluster is several personalities and what they share: a MariaDB, Trillian's
// own log server and signer on it, the operator's key and the folder of
// content. Between all of them are networks that can fail.
type cluster struct {
	database          *mariadb.Server
	registryDSN       string          // of the personalities' database, with no network between
	fromTrillian      *trillian.Proxy // to the database
	logServer, signer *trillian.Process
	members           []*member
	key               protocol.PrivateKey
	keyFile           string
	contentDir        string
	operatorRecords   uint64        // the log's length before any package
	turn              atomic.Uint64 // whose turn it is to be asked
}

// member is a personality with networks of its own.
type member struct {
	*server
	toDatabase, toTrillian *trillian.Proxy
}

// startCluster starts a cluster with so many personalities. What it starts ends
// with the test.
func startCluster(t *testing.T, personalities int) *cluster {
	t.Helper()
	return startClusterOn(t, personalities, "")
}

// startClusterOn is startCluster with the personalities' database elsewhere than
// Trillian's; empty: on the same server.
func startClusterOn(t *testing.T, personalities int, registryDSN string) *cluster {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &cluster{database: mariadb.Start(t), key: key, keyFile: filepath.Join(dir, "operator.key"), contentDir: filepath.Join(dir, "content")}
	if err := os.WriteFile(c.keyFile, []byte(key.Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	trillianDSN := c.database.Database(t)
	trillian.Schema(t, trillianDSN)
	c.fromTrillian = trillian.StartProxy(t, c.database.Addr())
	config := trillian.Config{DSN: through(t, c.fromTrillian, trillianDSN)}
	c.logServer, c.signer = trillian.StartLogServer(t, config), trillian.StartSigner(t, config)
	if c.registryDSN = registryDSN; registryDSN == "" {
		c.registryDSN = c.database.Database(t)
	}
	for range personalities {
		c.members = append(c.members, c.startMember(t))
	}
	if personalities > 0 {
		c.operatorRecords = c.members[0].logLength(t)
	}
	return c
}

// noteKeyFile is where the personalities share the note key of a log.
func (c *cluster) noteKeyFile(log string) string {
	return filepath.Join(filepath.Dir(c.keyFile), log+"-note.key")
}

func (c *cluster) startMember(t *testing.T) *member {
	t.Helper()
	registry, err := mysql.ParseDSN(c.registryDSN)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{toDatabase: trillian.StartProxy(t, registry.Addr), toTrillian: trillian.StartProxy(t, c.logServer.RPC)}
	m.server = startServer(t, "--operator-key-file", c.keyFile, "--content-dir", c.contentDir,
		"--records-note-key-file", c.noteKeyFile("records"), "--checkpoints-note-key-file", c.noteKeyFile("checkpoints"),
		"--database-url", through(t, m.toDatabase, c.registryDSN), "--trillian", m.toTrillian.Addr(), "--metrics-listen", "127.0.0.1:0")
	return m
}

// through is a data source name with a network between.
func through(t *testing.T, p *trillian.Proxy, dsn string) string {
	t.Helper()
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.Addr = p.Addr()
	return config.FormatDSN()
}

var metricsAddress = regexp.MustCompile(`msg="serving metrics" address=(\S+)`)

// leads asks a running personality's metrics whether it is the one that
// sequences and integrates.
func (m *member) leads(t *testing.T) bool {
	t.Helper()
	said := metricsAddress.FindAllStringSubmatch(m.stderr.String(), -1)
	if len(said) == 0 {
		t.Fatalf("the server at %s did not say where its metrics are", m.url)
	}
	status, body, err := request(t.Context(), http.MethodGet, "http://"+said[len(said)-1][1]+"/metrics", "", nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("metrics: status %d, %v", status, err)
	}
	return strings.Contains(string(body), "\nwarg_leader 1\n")
}

// leader returns the personality that sequences and integrates, and another.
func (c *cluster) leader(t *testing.T) (leader, other *member) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for i, m := range c.members {
			if m.process != nil && m.leads(t) {
				return m, c.members[(i+1)%len(c.members)]
			}
		}
	}
	t.Fatal("nobody leads")
	return nil, nil
}

// awaitReady waits until all personalities say that they are ready.
func (c *cluster) awaitReady(t *testing.T, within time.Duration) {
	t.Helper()
	begin := time.Now()
	for _, m := range c.members {
		for {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			status, body, err := request(ctx, http.MethodGet, m.url+"/readyz", "", nil)
			cancel()
			if err == nil && status == http.StatusOK {
				break
			}
			if time.Since(begin) > within {
				t.Fatal(fmt.Errorf("the server at %s is not ready after %v: status %d, %w, %s", m.url, within, status, err, body))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

package integration

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/integration/postgresql"
	"github.com/warg-trillian/warg-trillian/integration/trillian"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// trillianPair is a version of Trillian and what it keeps its logs in.
type trillianPair struct {
	name       string
	release    string // as [trillian.Config] has it
	createtree string // the release whose createtree makes the trees
	postgresql bool   // else MariaDB
}

// trillianPairs are those that docs/operations.md has a table of; the first is the
// stack's.
var trillianPairs = []trillianPair{
	{name: "v1.8.0-batched_queue-MariaDB", createtree: "v1.8.0"},
	{name: "v1.8.0-PostgreSQL", release: "v1.8.0", createtree: "v1.8.0", postgresql: true},
	{name: "v1.7.2-MariaDB", release: "v1.7.2", createtree: "v1.7.2"},
	{name: "v1.6.1-MariaDB", release: "v1.6.1", createtree: "v1.6.1"},
}

// TestTrillians runs a personality beside each of the Trillians that people run, on
// trees that their own createtree has made, with TLS: at first straight to the log
// server, then through a gate that asks for client certificates.
func TestTrillians(t *testing.T) {
	if os.Getenv("WARG_TEST_TRILLIANS") != "1" {
		var names []string
		for _, p := range trillianPairs {
			names = append(names, p.name)
		}
		t.Skipf("these are built and tried by `make test-trillians` (WARG_TEST_TRILLIANS=1): %s", strings.Join(names, ", "))
	}
	database := mariadb.Start(t)
	for _, p := range trillianPairs {
		t.Run(p.name, func(t *testing.T) { newBeside(t, database, p).try(t) })
	}
}

// beside is a personality beside a Trillian that is not the stack's.
type beside struct {
	*cluster
	pair          trillianPair
	ca            *trillian.Authority
	killStorage   func(*testing.T) // Trillian's, and starts it again
	trees         []string         // flags that name the two trees
	secure, gated []string         // flags for the connection to Trillian, without and with a client certificate
}

const trillianName = "trillian.example" // in the certificates of log servers and gates

// newBeside starts the Trillian, with TLS, and has createtree make the trees.
func newBeside(t *testing.T, database *mariadb.Server, p trillianPair) *beside {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	must(t, err)
	dir := t.TempDir()
	b := &beside{pair: p, ca: trillian.NewAuthority(t), cluster: &cluster{
		database: database, registryDSN: database.Database(t), key: key,
		keyFile: filepath.Join(dir, "operator.key"), contentDir: filepath.Join(dir, "content"),
	}}
	must(t, os.WriteFile(b.keyFile, []byte(key.Text()+"\n"), 0o600))
	config := b.startStorage(t)
	config.Release = p.release
	b.signer = trillian.StartSigner(t, config)
	config.CertFile, config.KeyFile = b.ca.Issue(t, trillian.Certificate(trillianName, net.IPv4(127, 0, 0, 1)))
	b.logServer = trillian.StartLogServer(t, config)
	for _, log := range []string{"records", "checkpoints"} {
		b.trees = append(b.trees, "--"+log+"-tree", b.createTree(t, log))
	}
	trust := []string{"--trillian-ca-file", b.ca.File, "--trillian-server-name", trillianName}
	b.secure = append([]string{"--trillian", b.logServer.RPC}, trust...)
	cert, certKey := b.ca.Issue(t, trillian.Certificate("personality"))
	b.gated = append([]string{"--trillian", b.startGate(t, config), "--trillian-cert-file", cert, "--trillian-key-file", certKey}, trust...)
	return b
}

// startStorage makes an empty database for the logs, with the schema of the release.
func (b *beside) startStorage(t *testing.T) trillian.Config {
	t.Helper()
	if b.pair.postgresql {
		server := postgresql.Start(t)
		version, err := postgresql.Version()
		must(t, err)
		t.Log(version)
		schema, err := trillian.Tool(b.pair.release, "postgresql.sql")
		must(t, err)
		must(t, server.Load(schema))
		b.killStorage = func(t *testing.T) {
			must(t, server.Kill())
			must(t, server.Start())
		}
		return trillian.Config{PostgreSQL: server.URI()}
	}
	b.killStorage = func(t *testing.T) { killDatabase(t, b.cluster) }
	dsn := b.database.Database(t)
	must(t, trillian.LoadSchemaOf(t.Context(), b.pair.createtree, dsn))
	return trillian.Config{DSN: dsn}
}

// createTree has createtree of the release make a tree, and returns its id.
func (b *beside) createTree(t *testing.T, name string) string {
	t.Helper()
	program, err := trillian.Tool(b.pair.createtree, "createtree")
	must(t, err)
	c := exec.CommandContext(t.Context(), program, "--admin_server="+b.logServer.RPC, "--tls_cert_file="+b.ca.File,
		"--display_name="+name, "--max_root_duration=0", "--rpc_deadline=30s")
	complained := new(output)
	c.Stderr = complained
	id, err := c.Output()
	if err != nil {
		t.Fatalf("createtree: %v\n%s", err, complained)
	}
	return strings.TrimSpace(string(id))
}

// storage are the flags that say where the registry's data are.
func (b *beside) storage(connection []string) []string {
	return append([]string{"--operator-key-file", b.keyFile, "--content-dir", b.contentDir, "--database-url", b.registryDSN},
		append(connection, b.trees...)...)
}

func (b *beside) try(t *testing.T) {
	m := &member{server: startServer(t, append(b.storage(b.secure), "--metrics-listen", "127.0.0.1:0")...)}
	b.members = []*member{m}
	b.operatorRecords = m.logLength(t)
	a := new(auditor)
	a.records = m.publishOne(t, "example:before-restart")
	a.records = append(a.records, b.measure(t)...)

	m.stop(t)
	m.flags = append(b.storage(b.gated), "--metrics-listen", "127.0.0.1:0")
	m.start(t)
	m.audit(t, a.records)
	a.records = append(a.records, m.publishOne(t, "example:after-restart")...)

	for _, fault := range []struct {
		name string
		fail func(*testing.T, *cluster)
	}{
		{"log-server-killed", func(t *testing.T, c *cluster) { killTrillian(t, c.logServer) }},
		{"signer-killed", func(t *testing.T, c *cluster) { killTrillian(t, c.signer) }},
		{"storage-killed", func(t *testing.T, _ *cluster) { b.killStorage(t) }},
	} {
		if !t.Run(fault.name, func(t *testing.T) { underLoad(t, b.cluster, a, fault.name, fault.fail) }) {
			return
		}
	}
	b.auditWithAuditor(t)
	b.rebuild(t, a.records)
	b.auditWithAuditor(t)
}

// auditWithAuditor has the auditor check everything, content included.
func (b *beside) auditWithAuditor(t *testing.T) {
	t.Helper()
	m := b.members[0]
	m.awaitNotes(t)
	c := exec.CommandContext(t.Context(), command(t, "warg-auditor"), "audit", m.url, "--json", "--content",
		"--state", filepath.Join(t.TempDir(), "state"), "--operator-key", b.key.Public().String(),
		"--vkey", m.logSource(t, tlog.Records).VKey, "--vkey", m.logSource(t, tlog.Checkpoints).VKey)
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("warg-auditor: %v\n%s", err, said)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	var report struct {
		Records, Contents uint64
		Mode              string
	}
	must(t, json.Unmarshal([]byte(lines[len(lines)-1]), &report))
	if report.Records != m.logLength(t) || report.Contents == 0 || report.Mode != "tlog" {
		t.Errorf("the auditor has checked %+v, the log has %d records", report, m.logLength(t))
	}
}

// rebuild loses the registry's own database and makes it again from that Trillian.
func (b *beside) rebuild(t *testing.T, records []*signedRecord) {
	t.Helper()
	m := b.members[0]
	before, _ := m.audit(t, records)
	m.stop(t)
	b.registryDSN = b.database.Database(t)
	c := exec.CommandContext(t.Context(), command(t, "warg-personality"),
		append([]string{"rebuild", "--data-dir", m.dataDir}, b.storage(b.gated)...)...)
	if said, err := c.CombinedOutput(); err != nil {
		t.Fatalf("rebuild: %v\n%s", err, said)
	}
	m.flags = append(b.storage(b.gated), "--metrics-listen", "127.0.0.1:0")
	m.start(t)
	after, _ := m.audit(t, records)
	if after != before {
		t.Errorf("before the rebuild the checkpoint was %+v, after it is %+v", before, after)
	}
	m.publishOne(t, "example:after-rebuild")
}

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	proxiedAuthors   = 20
	proxiedPublishes = 21 // of each author
	proxiedClients   = 4
	clientPublishes  = 20 // of each client
)

// caddyPath is the Caddy that docker-compose.yml names.
const caddyPath = "../.cache/tools/bin/caddy"

// TestPublishThroughCaddy publishes through the proxy of the stack, with its
// configuration.
func TestPublishThroughCaddy(t *testing.T) {
	s := startServer(t, "--trusted-proxy", "127.0.0.0/8", "--content-policy", "none")
	ip := freeNetwork(t) + ".10"
	text, err := os.ReadFile("../config/stack/caddy/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	config := string(text)
	for from, to := range map[string]string{
		"personality-1:8090 personality-2:8090": strings.TrimPrefix(s.url, "http://"),
		"bind 0.0.0.0":                          "bind " + ip,
	} {
		if !strings.Contains(config, from) {
			t.Fatalf("the Caddyfile has no %q any more", from)
		}
		config = strings.ReplaceAll(config, from, to)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	caddy := exec.Command(caddyPath, "run", "--config", file, "--adapter", "caddyfile")
	caddy.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	publishThrough(t, s, caddy, ip+":8080")
}

// nginxConfig leaves to nginx's defaults what is not about this registry: it asks
// with HTTP/1.0, one request a connection.
const nginxConfig = `
daemon off;
pid %[1]s/pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s;
		client_max_body_size 256m;
		location / {
			proxy_pass %[3]s;
			proxy_set_header Host $http_host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header X-Forwarded-Proto $scheme;
		}
	}
}
`

// TestPublishThroughNginx publishes through nginx.
func TestPublishThroughNginx(t *testing.T) {
	s := startServer(t, "--trusted-proxy", "127.0.0.0/8", "--content-policy", "none")
	address := freeNetwork(t) + ".10:8080"
	dir := t.TempDir()
	config := fmt.Sprintf(nginxConfig, dir, address, s.url)
	if os.Geteuid() == 0 {
		config = "user root;\n" + config // who may write to the test's folder
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	publishThrough(t, s, exec.Command(lookPath(t, "nginx"), "-p", dir, "-c", file), address)
}

// brokenAnswer is what proxies write when an answer ended too early.
var brokenAnswer = regexp.MustCompile(`aborting with incomplete response|prematurely closed|reset by peer|closed network connection|broken pipe`)

// publishThrough has several authors publish through a proxy while all processors
// are busy, and beside them official clients, whose timing is another. Not one of
// 500 publishes may fail.
func publishThrough(t *testing.T, s *server, proxy *exec.Cmd, address string) {
	t.Helper()
	written := new(output)
	startProxy(t, proxy, address, written)
	stop := occupyProcessors()
	defer stop()
	var publishes, failures atomic.Int64
	var authors sync.WaitGroup
	for i := range proxiedClients {
		c := newPublisher(t, &server{url: "http://" + address})
		name := fmt.Sprintf("example:official-%c", 'a'+i)
		c.write("empty.wasm", emptyComponent())
		authors.Go(func() {
			commands := [][]string{{"publish", "init", name}}
			for n := range clientPublishes - 1 {
				commands = append(commands, []string{"publish", "release", "--name", name, "--version", fmt.Sprintf("1.0.%d", n), "empty.wasm"})
			}
			for _, command := range commands {
				publishes.Add(1)
				if o := c.try(command...); o.status != 0 {
					t.Errorf("warg %s: %s", strings.Join(command, " "), o.stderr)
				}
			}
		})
	}
	all := new(packages)
	for i := range proxiedAuthors {
		author := &proxiedAuthor{author: newAuthor(t, fmt.Sprintf("example:proxied-%c", 'a'+i)), url: "http://" + address, all: all}
		authors.Go(func() {
			for range proxiedPublishes {
				publishes.Add(1)
				if err := author.publish(t.Context()); err != nil {
					t.Errorf("%s: %v", author.pkg, err)
					if failures.Add(1) > 10 {
						return
					}
				}
			}
		})
	}
	authors.Wait()
	if n := publishes.Load(); !t.Failed() && n < 500 {
		t.Errorf("only %d publishes", n)
	}
	if lines := brokenAnswer.FindAllString(written.String(), -1); len(lines) > 0 || t.Failed() {
		t.Errorf("the proxy wrote %d times of a broken answer:\n%.4000s", len(lines), written)
	}
}

// packages are those that have a published record.
type packages struct {
	mu   sync.Mutex
	logs api.HashMap[*string] // guarded by mu
}

func (p *packages) add(id protocol.AnyHash) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logs = append(p.logs, api.HashEntry[*string]{Hash: id})
}

func (p *packages) list() api.HashMap[*string] {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.logs)
}

// proxiedAuthor publishes as the official client does, which fetches all the
// packages that it knows before.
type proxiedAuthor struct {
	*author
	url    string
	all    *packages
	client *http.Client
}

// publish makes the requests of one `warg publish`, over connections of its own.
func (a *proxiedAuthor) publish(ctx context.Context) error {
	connections := new(http.Transport)
	defer connections.CloseIdleConnections()
	a.client = &http.Client{Transport: connections}
	record := a.begin
	var content []byte
	if a.records == 1 {
		a.all.add(a.pkg.LogID().Any())
	}
	if a.records > 0 {
		if err := a.update(ctx); err != nil {
			return err
		}
		content = bytes.Repeat([]byte(a.head), 100)
		record = func() *signedRecord { return a.release(content) }
	}
	signed := record()
	if err := a.ask(ctx, http.MethodPost, "/"+api.PublishRecordPath(a.pkg.LogID()), signed.body, http.StatusAccepted, nil); err != nil {
		return err
	}
	if content != nil {
		if err := a.ask(ctx, http.MethodPost, signed.uploadPath(), content, http.StatusCreated, nil); err != nil {
			return err
		}
	}
	for {
		var state recordState
		if err := a.ask(ctx, http.MethodGet, signed.path(), nil, http.StatusOK, &state); err != nil {
			return err
		}
		if state.State == string(api.StatePublished) {
			return nil
		}
		if state.State != string(api.StateProcessing) {
			return fmt.Errorf("the record is %s: %s", state.State, state.Reason)
		}
	}
}

// update fetches what is published, and its proof.
func (a *proxiedAuthor) update(ctx context.Context) error {
	var checkpoint struct {
		Contents struct{ LogLength uint64 }
	}
	if err := a.ask(ctx, http.MethodGet, "/"+api.FetchCheckpointPath, nil, http.StatusOK, &checkpoint); err != nil {
		return err
	}
	length := checkpoint.Contents.LogLength
	question := api.FetchLogsRequest{LogLength: length, Packages: a.all.list()}
	heads := make([]uint64, len(question.Packages))
	var logs api.FetchLogsResponse
	for more := true; more; more = logs.More {
		if err := a.ask(ctx, http.MethodPost, "/"+api.FetchLogsPath, question.AppendJSON(nil), http.StatusOK, &logs); err != nil {
			return err
		}
		if n := len(logs.Operator); n > 0 {
			question.Operator = &logs.Operator[n-1].FetchToken
		}
		for i := range question.Packages {
			p := &question.Packages[i]
			at := slices.IndexFunc(logs.Packages, func(e api.HashEntry[[]api.PublishedRecord]) bool { return e.Hash == p.Hash })
			if at < 0 || len(logs.Packages[at].Value) == 0 {
				continue
			}
			head := logs.Packages[at].Value[len(logs.Packages[at].Value)-1]
			p.Value, heads[i] = &head.FetchToken, head.RegistryIndex
		}
	}
	proof := api.InclusionRequest{LogLength: length}
	for _, head := range heads {
		if head > 0 { // else it began after that checkpoint
			proof.Leafs = append(proof.Leafs, head)
		}
	}
	return a.ask(ctx, http.MethodPost, "/"+api.ProveInclusionPath, proof.AppendJSON(nil), http.StatusOK, nil)
}

// ask makes a request that must be answered with the status, and decodes what
// comes.
func (a *proxiedAuthor) ask(ctx context.Context, method, path string, body []byte, want int, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != want {
		return fmt.Errorf("%s %s: status %d: %.500s", method, path, response.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// occupyProcessors keeps all processors busy until stop is called.
func occupyProcessors() (stop func()) {
	var stopped atomic.Bool
	var busy sync.WaitGroup
	for range runtime.NumCPU() {
		busy.Go(func() {
			sum := protocol.HashOf(nil)
			for !stopped.Load() {
				sum = protocol.HashOf(sum[:])
			}
		})
	}
	return func() {
		stopped.Store(true)
		busy.Wait()
	}
}

// startProxy starts a proxy, waits until it takes connections, and stops it at the
// end of the test.
func startProxy(t *testing.T, proxy *exec.Cmd, address string, written io.Writer) {
	t.Helper()
	proxy.Stdout, proxy.Stderr = written, written
	if err := proxy.Start(); err != nil {
		t.Fatalf("%v\nrun `make tools`", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- proxy.Wait() }()
	t.Cleanup(func() {
		proxy.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(stopTimeout):
			proxy.Process.Kill()
			<-ended
		}
	})
	deadline := time.After(startTimeout)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", proxy.Path, err, written)
		case <-deadline:
			t.Fatalf("%s does not listen on %s\n%s", proxy.Path, address, written)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

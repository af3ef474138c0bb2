package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/federation/proxy"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// registry is another registry, with a liar in front of it, and packages example:tool, of
// two releases, and other:tool.
type registry struct {
	t       *testing.T
	key     protocol.PrivateKey
	url     string
	lying   *liar.Liar
	author  *client.Client
	signer  protocol.PrivateKey
	digests []protocol.Hash // of example:tool
	other   protocol.Hash   // of other:tool
	wait    time.Duration   // of proxies that are opened, see [proxy.Options]
}

// size is that of the contents: a few buffers.
const size = 300_000

func newRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{t: t, key: newKey(t), signer: newKey(t)}
	data := t.TempDir()
	server, err := personality.Open(t.Context(), personality.Options{
		DataDir: data, OperatorKeys: []protocol.Signer{r.key}, Logger: slog.New(slog.DiscardHandler),
		Database: store.SQLite{File: filepath.Join(data, "registry.db")}, Trillian: personality.EmbeddedTrillian{Dir: data},
		Namespaces: admission.Namespaces{Defined: []string{"example", "other"}},
		Content:    content.Options{Dir: filepath.Join(data, "content"), Policy: content.PolicyNone, MaxSize: 1 << 20},
		Admission:  admission.Options{UploadTimeout: time.Hour},
		Publisher:  publisher.Options{CheckpointInterval: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- server.Run(ctx) }()
	web := httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		web.Close()
		stop()
		if err := errors.Join(<-ran, server.Close()); err != nil {
			t.Error(err)
		}
	})
	r.url = web.URL
	if r.author, err = client.New(web.URL, client.Options{OperatorKey: r.key.Public()}); err != nil {
		t.Fatal(err)
	}
	for server.Ready(ctx) != nil {
		time.Sleep(time.Millisecond)
	}
	r.digests = append(r.digests, r.release("example:tool", "1.0.0"), r.release("example:tool", "1.1.0"))
	r.other = r.release("other:tool", "1.0.0")
	r.lying = liar.Start(t, web.URL)
	return r
}

func newKey(t *testing.T) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// contentOf is the content of a release.
func contentOf(name, version string) []byte {
	return bytes.Repeat([]byte(name+" "+version+"\n"), size/20)
}

func parseName(t *testing.T, text string) protocol.PackageName {
	t.Helper()
	name, err := protocol.ParsePackageName(text)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// release publishes a version, and waits for it.
func (r *registry) release(name, version string) protocol.Hash {
	r.t.Helper()
	c := client.ContentOfBytes(contentOf(name, version))
	entries := []protocol.PackageEntry{client.Release(version, c.Digest)}
	if version == "1.0.0" {
		entries = slices.Insert(entries, 0, client.Init(r.signer.Public()))
	}
	if _, err := r.author.Publish(r.t.Context(), parseName(r.t, name), r.signer, []client.Content{c}, entries...); err != nil {
		r.t.Fatal(err)
	}
	return c.Digest
}

// clock is the time, which a test moves on so that checkpoints are asked for.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) pass() { c.passBy(proxy.Fresh) }

func (c *clock) passBy(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// watcher counts.
type watcher struct {
	mu     sync.Mutex
	asked  map[string]int // by outcome
	caught map[string]int // by claim
}

func (w *watcher) UpstreamAsked(_, outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[outcome]++
}

func (w *watcher) UpstreamCaught(_, claim string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.caught[claim]++
}

func (w *watcher) all() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, count := range w.asked {
		n += count
	}
	return n
}

func (w *watcher) claims() (list []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for claim := range w.caught {
		list = append(list, claim)
	}
	return list
}

// home answers for the registry.
type home struct {
	t     *testing.T
	proxy *proxy.Proxy
	url   string
	data  string
	watcher
	clock
	log output
}

// answerFor opens a proxy of the liar, or of what options name.
func (r *registry) answerFor(t *testing.T, data string, change func(*federation.Registry)) *home {
	t.Helper()
	h := &home{t: t, data: data}
	h.asked, h.caught = map[string]int{}, map[string]int{}
	of := federation.Registry{Domain: "other.example", URL: r.lying.URL, OperatorKey: r.key.Public(), Mode: federation.Proxy, AllowPrivate: true, PrivateHosts: []string{strings.TrimPrefix(r.url, "http://")}}
	if change != nil {
		change(&of)
	}
	var err error
	h.proxy, err = proxy.Open(proxy.Options{
		Registry: of, ID: "warg-home", DataDir: data, MaxContent: 1 << 20, MaxWait: r.wait, Observer: &h.watcher, Now: h.now,
		Logger: slog.New(slog.NewTextHandler(&h.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(httpapi.New(h.proxy, httpapi.Options{WholeContent: true, Logger: slog.New(slog.DiscardHandler)}))
	t.Cleanup(func() {
		web.Close()
		h.proxy.Close()
	})
	h.url = web.URL
	return h
}

// client is one of the home that believes nothing, and remembers nothing.
func (h *home) client(r *registry) *client.Client {
	h.t.Helper()
	c, err := client.New(h.url, client.Options{OperatorKey: r.key.Public(), MaxWait: -1})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// read has a client verify a package, and all of its content.
func (h *home) read(r *registry, name string) error {
	c := h.client(r)
	p, err := c.Package(h.t.Context(), parseName(h.t, name))
	if err != nil {
		return err
	}
	for release := range p.Releases() {
		digest, err := release.Content.Hash()
		if err != nil {
			return err
		}
		var got bytes.Buffer
		if _, err := c.DownloadTo(h.t.Context(), digest, &got); err != nil {
			return err
		}
		if !bytes.Equal(got.Bytes(), contentOf(name, release.Version)) {
			h.t.Errorf("%s %s: the content differs", name, release.Version)
		}
	}
	return nil
}

// A client reads by way of the proxy all that is there, and what was read once is not asked
// for again.
func TestProxy(t *testing.T) {
	r := newRegistry(t)
	h := r.answerFor(t, t.TempDir(), nil)
	for _, name := range []string{"example:tool", "other:tool"} {
		if err := h.read(r, name); err != nil {
			t.Fatal(err)
		}
	}
	asked := h.all()
	if _, err := h.client(r).Package(t.Context(), parseName(t, "example:tool")); err != nil {
		t.Fatal(err)
	}
	if again := h.all() - asked; again > 1 { // a second may have passed
		t.Errorf("what was verified once took %d requests", again)
	}

	// A client that knows an older checkpoint has it proved, and learns of a new release.
	c := h.client(r)
	name := parseName(t, "example:tool")
	before, err := c.Package(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	r.release("example:tool", "2.0.0")
	h.pass()
	after, err := c.Package(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if release, ok := after.Release("2.0.0"); !ok || after.Checkpoint.Contents.LogLength <= before.Checkpoint.Contents.LogLength {
		t.Errorf("the new release is not there: %v", release)
	}
	if err := h.read(r, "example:tool"); err != nil {
		t.Error(err)
	}
	for release := range after.Releases() {
		index, err := c.RecordIndex(t.Context(), after, release.RecordID)
		if err != nil || index == 0 {
			t.Errorf("index of %s: %d, %v", release.Version, index, err)
		}
	}
	var missing *client.NotFoundError
	if _, err := c.Package(t.Context(), parseName(t, "example:none")); !errors.As(err, &missing) {
		t.Errorf("a package that is not there: %v", err)
	}
	if lines := h.proxy.Remarks(); len(lines) != 0 || len(h.claims()) != 0 || h.log.String() != "" {
		t.Errorf("an honest registry was suspected: %q %q\n%s", lines, h.claims(), &h.log)
	}
}

// A client may know a checkpoint that another process passed on, or this one before it was
// restarted: it has its records and proofs as of that, if it is proved to be one of this log.
func TestProxyEarlierCheckpoint(t *testing.T) {
	r := newRegistry(t)
	before, err := r.author.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	length := before.Contents.LogLength
	r.release("example:tool", "2.0.0")
	h := r.answerFor(t, t.TempDir(), nil)
	id := parseName(t, "example:tool").LogID()
	question := reader.FetchLogsRequest{LogLength: length, Limit: 100, Packages: []reader.PackageLogCursor{{LogID: id}}}
	logs, err := h.proxy.FetchLogs(t.Context(), question)
	if err != nil || len(logs.Packages) != 1 || len(logs.Packages[0].Records) == 0 {
		t.Fatalf("records as of an earlier checkpoint: %v, %v", logs, err)
	}
	head := logs.Packages[0].Records[len(logs.Packages[0].Records)-1]
	if head.RegistryIndex >= length {
		t.Errorf("a record at %d in a log of %d", head.RegistryIndex, length)
	}
	inLog, inMap, err := h.proxy.ProveInclusion(t.Context(), length, []uint64{head.RegistryIndex})
	if err != nil {
		t.Fatal(err)
	}
	log, err := proof.DecodeLogBundle(inLog)
	if err != nil {
		t.Fatal(err)
	}
	leaf := protocol.LogLeaf{LogID: id, RecordID: head.RecordID}
	if err := log.VerifyInclusion(length, before.Contents.LogRoot, []proof.Leaf{{Index: head.RegistryIndex, Hash: leaf.Hash()}}); err != nil {
		t.Error(err)
	}
	heads, err := proof.DecodeMapBundle(inMap)
	if err != nil {
		t.Fatal(err)
	}
	if err := heads.Verify(before.Contents.MapRoot, []proof.MapLeaf{{LogID: id, RecordID: head.RecordID}}); err != nil {
		t.Error(err)
	}
	h.pass()
	if _, _, err := h.proxy.ProveInclusion(t.Context(), length+1000, []uint64{1}); err == nil {
		t.Error("a proof for a checkpoint that there is not")
	}

	// A proof of another log is caught, as for the newest.
	changeProof(api.ProveInclusionPath, "log")(r)
	again := r.answerFor(t, t.TempDir(), nil)
	if _, _, err := again.proxy.ProveInclusion(t.Context(), length, []uint64{head.RegistryIndex}); err == nil || !slices.Contains(again.claims(), "inclusion") {
		t.Errorf("a forged proof: %v", err)
	}
}

// Leaves, names, and the verdict on checkpoints, of all lengths.
func TestProxyLedger(t *testing.T) {
	r := newRegistry(t)
	h := r.answerFor(t, t.TempDir(), nil)
	latest, err := h.proxy.LatestCheckpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	length := latest.Contents.LogLength
	want, err := h.proxy.Leaves(t.Context(), 0, 1000)
	if err != nil || uint64(len(want)) != length {
		t.Fatalf("%d leaves of %d, %v", len(want), length, err)
	}
	for start := range length {
		leaves, err := h.proxy.Leaves(t.Context(), start, 2)
		if err != nil || leaves[0] != want[start] {
			t.Errorf("leaves from %d on: %v, %v", start, leaves, err)
		}
		bundle, err := h.proxy.ProveConsistency(t.Context(), start+1, length)
		if err != nil || len(bundle) == 0 {
			t.Errorf("consistency from %d: %v", start+1, err)
		}
	}
	named, err := h.proxy.Names(t.Context(), []protocol.Hash{parseName(t, "example:tool").LogID(), {}})
	if err != nil || named[0].Name != "example:tool" || named[1].Name != "" {
		t.Errorf("names: %v, %v", named, err)
	}
	verdict := func(change func(*protocol.SignedCheckpoint)) string {
		c := latest
		change(&c)
		text, err := c.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.Post(h.url+"/v1/verify/checkpoint", "application/json", bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(answer)
	}
	for _, test := range []struct {
		change func(*protocol.SignedCheckpoint)
		want   string
	}{
		{func(*protocol.SignedCheckpoint) {}, `"checkpoint":"verified","signature":"verified"`},
		{func(c *protocol.SignedCheckpoint) { c.Contents.LogRoot[0]++ }, `"checkpoint":"invalid","signature":"invalid"`},
		{func(c *protocol.SignedCheckpoint) { c.Contents.LogLength-- }, `"checkpoint":"invalid"`},
		{func(c *protocol.SignedCheckpoint) { c.Contents.LogLength++ }, `"checkpoint":"unverified"`},
	} {
		if got := verdict(test.change); !strings.Contains(got, test.want) {
			t.Errorf("verdict %s, want %s", got, test.want)
		}
	}
}

func filter(t *testing.T, namespaces ...string) federation.Filter {
	t.Helper()
	f, err := federation.NewFilter(namespaces, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What the filter does not let through is not found: neither by its log, nor by its content.
func TestProxyFilter(t *testing.T) {
	r := newRegistry(t)
	dir := t.TempDir()
	h := r.answerFor(t, dir, func(of *federation.Registry) { of.Filter = filter(t, "example") })
	if err := h.read(r, "example:tool"); err != nil {
		t.Error(err)
	}
	var missing *client.NotFoundError
	if err := h.read(r, "other:tool"); !errors.As(err, &missing) {
		t.Errorf("a package that the filter keeps back: %v", err)
	}
	var refusal *client.APIError
	if _, err := h.client(r).DownloadTo(t.Context(), r.other, io.Discard); !errors.As(err, &refusal) || refusal.Status != 404 {
		t.Errorf("its content: %v", err)
	}
	named, err := h.proxy.Names(t.Context(), []protocol.Hash{parseName(t, "other:tool").LogID()})
	if err != nil || named[0].Name != "" {
		t.Errorf("its name: %v, %v", named, err)
	}
}

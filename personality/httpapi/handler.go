package httpapi

import (
	"cmp"
	"log/slog"
	"net/http"
	"sync"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/personality/oci"
	"github.com/warg-trillian/warg-trillian/personality/sparselog"
	"github.com/warg-trillian/warg-trillian/personality/web"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// Defaults of [Options].
const (
	// DefaultMaxBody allows a fetch of all the package logs that
	// DefaultMaxItems allows.
	DefaultMaxBody    = 2 << 20
	DefaultMaxItems   = 10_000
	DefaultMaxContent = 256 << 20
)

// Options of [New]. The zero value is usable.
type Options struct {
	// BaseURL is where clients reach this API, if they do not reach it as the
	// request's Host header says.
	BaseURL string
	// ContentBaseURL is what content URLs begin with, before "content/". Empty:
	// BaseURL, or as the request's Host header says.
	ContentBaseURL string
	// MaxBody is the greatest JSON body in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// MaxContent is the greatest content in bytes, which the registry bounds, too;
	// 0 means DefaultMaxContent. An upload that says that it is larger is refused
	// before it is read.
	MaxContent int64
	// MaxItems is how many package logs or leaves one request may name; 0 means
	// DefaultMaxItems.
	MaxItems int
	// Logger gets unexpected errors, and each request at debug level. Nil means
	// [slog.Default]. Lines about a request have its context: see [LogRequestIDs].
	Logger *slog.Logger
	// Observer is told what is answered; nil for nobody.
	Observer Observer
	Limits   Limits
	// FetchContent: content sources of a record are taken; without, a request that
	// names some is answered with 501.
	FetchContent bool
	Private      *Private          // nil: the registry is public
	OCI          *oci.Registry     // nil: there is no OCI distribution API
	Discovery    *discoveryapi.API // nil: there is no discovery API
	Web          *web.Site         // nil: there are no pages
	// Others are registries that this one answers for, too; nil: none.
	Others Others
	// Path is below which the API is served, without slashes at its ends, if that is not
	// the root; whoever mounts it there cuts it off. It is a part of BaseURL already.
	Path string
	// WholeContent: content can not be had in parts.
	WholeContent bool
	// VKeys are the public keys in text that sign the notes of each log.
	VKeys map[tlog.Log][]string
}

type handler struct {
	registry Registry
	Options
	buffers  sync.Pool      // of *[]byte, for JSON bodies
	roomless chan struct{}  // one for each answer that waits for room in memory
	trouble  *sparselog.Log // of parts that are away: each request says so then
}

// New returns the handler of the whole API, for the root of a server.
func New(reg Registry, o Options) http.Handler {
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	o.MaxItems = cmp.Or(o.MaxItems, DefaultMaxItems)
	o.MaxContent = cmp.Or(o.MaxContent, DefaultMaxContent)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	h := &handler{registry: reg, Options: o, roomless: make(chan struct{}, maxRoomless), trouble: sparselog.New(o.Logger)}

	mux := http.NewServeMux()
	route := func(method, path string, translate translator, serve serveFunc) {
		mux.Handle(method+" /"+path, h.endpoint(translate, serve))
		mux.Handle("/"+path, h.endpoint(messageError, wrongMethod(method)))
	}
	v1 := func(need access.Permission, method, path string, translate translator, serve serveFunc) {
		route(method, path, translate, h.permit(need, h.thisRegistry(serve)))
	}
	reading, publishing := h.Limits.Reading, h.Limits.Publishing
	v1(access.Read, "POST", api.FetchLogsPath, fetchError, h.posted(reading, h.fetchLogs))
	v1(access.Read, "GET", api.FetchCheckpointPath, fetchError, h.asked(nil, h.fetchCheckpoint))
	v1(access.Read, "POST", api.FetchPackageNamesPath, fetchError, h.posted(reading, h.fetchNames))
	v1(access.Read, "GET", api.LedgerSourcesPath, messageError, h.asked(reading, h.ledgerSources))
	v1(access.Read, "GET", "v1/ledger/records/{start}", messageError, h.asked(reading, h.ledgerRecords))
	v1(access.Publish, "POST", "v1/package/{log}/record", packageError, h.postedUpTo(min(h.MaxBody, maxRecordBody), publishing, h.publish))
	v1(access.Read, "GET", "v1/package/{log}/record/{record}", packageError, h.asked(nil, h.recordStatus))
	v1(access.Publish, "POST", "v1/package/{log}/record/{record}/content/{digest}", packageError, h.uploadContent)
	v1(access.Publish, "POST", api.OperatorRecordsPath, packageError, h.postedUpTo(min(h.MaxBody, maxRecordBody), publishing, h.publishOperator))
	v1(access.Read, "GET", api.OperatorRecordsPath+"/{record}", packageError, h.asked(nil, h.operatorStatus))
	mux.Handle("GET /"+withheld.Path, h.endpoint(messageError, h.permit(access.Read, h.thisRegistry(h.asked(reading, h.withheld)))))
	mux.Handle("POST /"+withheld.Path, h.endpoint(messageError, h.permit(access.Publish, h.thisRegistry(h.postedUpTo(min(h.MaxBody, maxStatement), publishing, h.withhold)))))
	mux.Handle("/"+withheld.Path, h.endpoint(messageError, wrongMethod("GET, HEAD, POST")))
	v1(access.Read, "GET", "v1/content/{digest}", contentError, h.asked(nil, h.contentSources))
	v1(access.Read, "POST", api.ProveConsistencyPath, proofError, h.posted(reading, h.proveConsistency))
	v1(access.Read, "POST", api.ProveInclusionPath, proofError, h.posted(reading, h.proveInclusion))
	v1(access.Read, "POST", api.VerifyCheckpointPath, messageError, h.posted(reading, h.verifyCheckpoint))

	route("GET", "tlog/{log}/"+tlog.CheckpointPath, messageError, h.permit(access.Read, h.asked(nil, h.logNote)))
	route("GET", "tlog/{log}/vkeys", messageError, h.permit(access.Read, h.asked(nil, h.logKeys)))
	route("GET", "tlog/{log}/tile/{file...}", messageError, h.permit(access.Read, h.logFile))
	route("GET", "tlog/records/proof/{namespace}/{name}/{version}", messageError, h.permit(access.Read, h.asked(reading, h.recordProof)))
	route("GET", "content/{name}", contentError, h.permit(access.Read, h.content))
	h.discoveryRoutes(mux)
	route("GET", api.WellKnownPath, messageError, h.wellKnown)
	route("GET", "healthz", messageError, h.alive)
	route("GET", "readyz", messageError, h.ready)
	if h.OCI != nil {
		oci := func(pattern string, serve serveFunc) {
			mux.Handle(pattern, h.endpoint(ociTranslation, h.permitOCI(serve)))
		}
		oci("GET "+ociPath+"{namespace}/{name}/blobs/{digest}", h.ociBlob)
		oci(ociPath, h.asked(reading, h.ociAnswer))
	}
	mux.Handle("/", h.endpoint(discoveryError, h.pages))
	if h.Web != nil {
		for _, path := range web.FormPaths() {
			mux.Handle("POST "+path, h.endpoint(discoveryError, h.form))
		}
	}
	if h.Others != nil {
		mux.Handle("/"+OthersPath+"{domain}/", h.endpoint(messageError, h.otherAtPath))
	}
	return h.guard(crossOrigin(h.limitClients(mux)))
}

package personality

import (
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Limits keep a registry usable under load. Zero is no limit.
type Limits struct {
	// TrustedProxies are the networks of proxies whose X-Forwarded headers are
	// believed.
	TrustedProxies []netip.Prefix
	// CountLoopback counts clients on loopback as any other.
	CountLoopback bool

	MaxConnections           int // of all clients
	MaxConnectionsPerAddress int

	AddressRate int // requests a second from one address
	FailureRate int // wrong requests a second from one address
	KeyRate     int // records a second signed by one key
	MaxQueue    int // records that wait to be published

	MaxPublishing int   // posts of records worked on at a time
	MaxReading    int   // fetches and proofs worked on at a time
	MaxUploads    int   // uploads worked on at a time, and under way from one address
	MaxBuffered   int64 // bytes of requests and answers in memory

	MaxBodySize int64 // of a JSON body, in bytes
	MaxNames    int   // package logs or leaves that one request names

	RequestTime     time.Duration // for the work on one request
	MinTransferRate int64         // of bodies and answers, in bytes per second
}

const (
	// gatePatience is how long a request waits for its turn: clients give up
	// later than that.
	gatePatience = 5 * time.Second
	// memoryPatience is how long one waits for a part of MaxBuffered, with a turn.
	memoryPatience = 2 * time.Second
	// transferGrace is how long a transfer may be slower than it should.
	transferGrace = 10 * time.Second
)

// LimitConnections returns a listener that bounds how many of its connections
// are open.
func (s *Server) LimitConnections(l net.Listener) net.Listener {
	o := s.options.Limits
	return limits.Connections(l, o.MaxConnections, o.MaxConnectionsPerAddress, o.addresses())
}

func (l Limits) addresses() limits.Addresses {
	return limits.Addresses{Trusted: l.TrustedProxies, CountLoopback: l.CountLoopback}
}

// transfers sees to how bodies come and answers go.
func (l Limits) transfers(next http.Handler) http.Handler {
	return limits.WholeBodies(limits.Pace{PerSecond: l.MinTransferRate, Grace: transferGrace}.Handler(next))
}

func (l Limits) api() httpapi.Limits {
	return httpapi.Limits{
		Addresses:   l.addresses(),
		Requests:    limits.NewRate[netip.Prefix]("requests from your address", float64(l.AddressRate)),
		Failures:    limits.NewRate[netip.Prefix]("wrong requests from your address", float64(l.FailureRate)),
		Records:     limits.NewRate[protocol.KeyID]("records signed with this key", float64(l.KeyRate)),
		Publishing:  limits.NewGate("records being posted", l.MaxPublishing, gatePatience),
		Reading:     limits.NewGate("fetches and proofs", l.MaxReading, gatePatience),
		Uploading:   limits.NewGate("uploads to check", l.MaxUploads, gatePatience),
		Uploads:     limits.NewSlots("uploads under way", l.MaxConnections, l.MaxUploads),
		Memory:      limits.NewBudget(l.MaxBuffered, memoryPatience),
		RequestTime: l.RequestTime,
	}
}

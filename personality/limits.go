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

// checksPerUpload is how many uploads may be checked and stored at a time for each
// that may be under way from one address. Checks take turns of their own, in which no
// client waits for the whole check of another one.
const checksPerUpload = 16

const (
	// gateMaxWait is how long a request waits for its turn: clients give up
	// later than that.
	gateMaxWait = 5 * time.Second
	// memoryMaxWait is how long one waits for a part of MaxBuffered, with a turn.
	memoryMaxWait = 2 * time.Second
	// transferGrace is how long a transfer may be slower than it should.
	transferGrace = 10 * time.Second
)

// LimitConnections returns a listener that bounds how many of its connections
// are open.
func (s *Server) LimitConnections(l net.Listener) net.Listener {
	o := s.options.Limits
	return limits.Connections(l, o.MaxConnections, o.MaxConnectionsPerAddress, addresses(o))
}

func addresses(o limits.Options) limits.Addresses {
	return limits.Addresses{Trusted: o.TrustedProxies, CountLoopback: o.CountLoopback}
}

// transfers sees to how bodies come and answers go.
func transfers(o limits.Options, next http.Handler) http.Handler {
	return limits.WholeBodies(limits.Pace{PerSecond: o.MinTransferRate, Grace: transferGrace}.Handler(next))
}

// apiLimits makes what bounds the work of the API.
func apiLimits(o limits.Options) httpapi.Limits {
	return httpapi.Limits{
		Addresses:   addresses(o),
		Requests:    limits.NewRate[netip.Prefix]("requests from your address", float64(o.AddressRate)),
		Failures:    limits.NewRate[netip.Prefix]("wrong requests from your address", float64(o.FailureRate)),
		Records:     limits.NewRate[protocol.KeyID]("records signed with this key", float64(o.KeyRate)),
		Publishing:  limits.NewGate("records being posted", o.MaxPublishing, gateMaxWait),
		Reading:     limits.NewGate("fetches and proofs", o.MaxReading, gateMaxWait),
		Uploading:   limits.NewGate("uploads to check", checksPerUpload*o.MaxUploads, gateMaxWait),
		Uploads:     limits.NewSlots("uploads under way", o.MaxConnections, o.MaxUploads),
		Memory:      limits.NewBudget(o.MaxBuffered, memoryMaxWait),
		RequestTime: o.RequestTime,
	}
}

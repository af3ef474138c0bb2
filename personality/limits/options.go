package limits

import (
	"net/netip"
	"time"
)

// Options are how much clients may do. In counts and rates 0 is no limit.
type Options struct {
	// TrustedProxies are the networks of proxies whose X-Forwarded headers are
	// believed.
	TrustedProxies []netip.Prefix
	// CountLoopback applies the limits per address to this machine's own, too.
	CountLoopback bool

	MaxConnections           int // of all clients
	MaxConnectionsPerAddress int

	AddressRate int // requests a second from one address
	FailureRate int // wrong requests a second from one address
	KeyRate     int // records a second signed by one key

	MaxPublishing int   // posts of records worked on at a time
	MaxReading    int   // fetches and proofs worked on at a time
	MaxUploads    int   // uploads worked on at a time, and under way from one address
	MaxBuffered   int64 // bytes of requests and answers in memory

	RequestTime     time.Duration // for the work on one request
	MinTransferRate int64         // of bodies and answers, in bytes per second
}

package config

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
)

// Limits are the settings of how much clients may do; the page docs/limits.md says
// what each one is good for. In counts and rates 0 is no limit.
type Limits struct {
	TrustedProxy  []Network `env:"WARG_TRUSTED_PROXY" group:"limits" placeholder:"NETWORK" help:"Network of reverse proxies, such as 10.0.0.0/8, whose X-Forwarded-For header tells clients apart, and whose X-Forwarded-Proto says how they came (repeatable). Without it, clients are told apart by who connects."`
	CountLoopback bool      `env:"WARG_COUNT_LOOPBACK" name:"count-loopback" group:"limits" default:"false" help:"Let the limits per address count clients on loopback, too: for tests, not for a proxy on this machine, whose clients would have the limits of one (default: ${default})."`

	MaxConnections           Count `env:"WARG_MAX_CONNECTIONS" group:"limits" default:"2048" placeholder:"N" help:"Connections at a time; more wait (default: ${default})."`
	MaxConnectionsPerAddress Count `env:"WARG_MAX_CONNECTIONS_PER_ADDRESS" group:"limits" default:"256" placeholder:"N" help:"Connections at a time from one address; more are closed (default: ${default}). Loopback (without --count-loopback) and trusted proxies are not counted."`

	AddressRate Count `env:"WARG_ADDRESS_RATE" group:"limits" default:"0" placeholder:"N" help:"Requests a second from one address, with ten seconds' worth at once; more are answered with 429 (default: ${default})."`
	FailureRate Count `env:"WARG_FAILURE_RATE" group:"limits" default:"100" placeholder:"N" help:"Wrong requests a second from one address, with ten seconds' worth at once; then all its requests are answered with 429 for a while (default: ${default})."`
	KeyRate     Count `env:"WARG_KEY_RATE" group:"limits" default:"0" placeholder:"N" help:"Records a second signed by one key, with ten seconds' worth at once; more are answered with 429 (default: ${default})."`

	MaxPublishing Count    `env:"WARG_MAX_PUBLISHING" group:"limits" default:"256" placeholder:"N" help:"Posts of records worked on at a time, a quarter of them from one address; more wait, and are answered with 503 if that takes long (default: ${default})."`
	MaxReading    Count    `env:"WARG_MAX_READING" group:"limits" default:"32" placeholder:"N" help:"Fetches and proofs worked on at a time, a quarter of them from one address; more wait, and are answered with 503 if that takes long (default: ${default})."`
	MaxUploads    Count    `env:"WARG_MAX_UPLOADS" group:"limits" default:"64" placeholder:"N" help:"Uploads of content checked and stored at a time, a quarter of them from one address; more wait, and are answered with 503 if that takes long. Also how many may be under way from one address (default: ${default})."`
	MaxBuffered   ByteSize `env:"WARG_MAX_BUFFERED" group:"limits" default:"64MiB" placeholder:"SIZE" help:"JSON bodies and answers held in memory on their way, together; a quarter, or 16 MiB, of one address. Beyond that the slowest transfers are cut off (default: ${default})."`

	MaxBodySize ByteSize `env:"WARG_MAX_BODY_SIZE" group:"limits" default:"2MiB" placeholder:"SIZE" help:"Largest JSON body (default: ${default}). Content has --max-content-size; a record has 256 KiB at most."`
	MaxNames    Count    `env:"WARG_MAX_NAMES" group:"limits" default:"10000" placeholder:"N" help:"Package logs or leaves that one request may name (default: ${default})."`

	RequestTimeout  Duration `env:"WARG_REQUEST_TIMEOUT" group:"limits" default:"30s" placeholder:"TIME" help:"Longest work on one request (default: ${default}). Transfers of content may take longer."`
	MinTransferRate ByteSize `env:"WARG_MIN_TRANSFER_RATE" group:"limits" default:"4KiB" placeholder:"SIZE" help:"Slowest transfer of a body or an answer, per second; a client that is slower for over 10 s is cut off (default: ${default})."`
}

func (l *Limits) limits() limits.Options {
	o := limits.Options{
		CountLoopback:            l.CountLoopback,
		MaxConnections:           int(l.MaxConnections),
		MaxConnectionsPerAddress: int(l.MaxConnectionsPerAddress),
		AddressRate:              int(l.AddressRate),
		FailureRate:              int(l.FailureRate),
		KeyRate:                  int(l.KeyRate),
		MaxPublishing:            int(l.MaxPublishing),
		MaxReading:               int(l.MaxReading),
		MaxUploads:               int(l.MaxUploads),
		MaxBuffered:              int64(l.MaxBuffered),
		RequestTime:              time.Duration(l.RequestTimeout),
		MinTransferRate:          int64(l.MinTransferRate),
	}
	for _, n := range l.TrustedProxy {
		o.TrustedProxies = append(o.TrustedProxies, netip.Prefix(n))
	}
	return o
}

func (l *Limits) set(o *httpapi.Options) {
	o.MaxBody = int64(l.MaxBodySize)
	o.MaxItems = cmp.Or(int(l.MaxNames), math.MaxInt)
}

// Count is a whole number, zero or above.
type Count int

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Count) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		return fmt.Errorf("%q is not a whole number such as 0, 64 or 2048", text)
	}
	*c = Count(n)
	return nil
}

// Network is a network of addresses, or a single address.
type Network netip.Prefix

// UnmarshalText implements [encoding.TextUnmarshaler] for "10.0.0.0/8",
// "2001:db8::/32" and addresses without a length.
func (n *Network) UnmarshalText(text []byte) error {
	text = bytes.TrimSpace(text)
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		address, addressErr := netip.ParseAddr(string(text))
		if addressErr != nil {
			return fmt.Errorf("%q is not a network such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7", text)
		}
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	*n = Network(prefix.Masked())
	return nil
}

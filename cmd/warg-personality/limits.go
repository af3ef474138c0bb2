package main

import (
	"net/netip"
	"time"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality"
)

func limits(l *config.Limits) personality.Limits {
	all := personality.Limits{
		MaxConnections:           int(l.MaxConnections),
		MaxConnectionsPerAddress: int(l.MaxConnectionsPerAddress),
		AddressRate:              int(l.AddressRate),
		FailureRate:              int(l.FailureRate),
		KeyRate:                  int(l.KeyRate),
		MaxQueue:                 int(l.MaxQueue),
		MaxPublishing:            int(l.MaxPublishing),
		MaxReading:               int(l.MaxReading),
		MaxUploads:               int(l.MaxUploads),
		MaxBuffered:              int64(l.MaxBuffered),
		CountLoopback:            l.CountLoopback,
		MaxBodySize:              int64(l.MaxBodySize),
		MaxNames:                 int(l.MaxNames),
		RequestTime:              time.Duration(l.RequestTimeout),
		MinTransferRate:          int64(l.MinTransferRate),
	}
	for _, n := range l.TrustedProxy {
		all.TrustedProxies = append(all.TrustedProxies, netip.Prefix(n))
	}
	return all
}

// Package outbound fetches from URLs that others name, and reaches nothing that they
// could not reach themselves: no private network, no loopback, no metadata service.
// Whatever a URL, a redirect or a name server says, the address that is dialled is
// looked at, after the name was resolved and before a packet is sent.
package outbound

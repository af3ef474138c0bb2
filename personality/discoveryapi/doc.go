// Package discoveryapi is the HTTP API over the index of what is in packages: it decodes a
// request, asks the index and encodes the answer. Who may ask, how much at a time, and how
// answers travel is for package httpapi, which serves [API.Routes].
//
// openapi.json describes the API; warg/discovery has its types.
package discoveryapi

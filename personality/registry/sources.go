package registry

import "github.com/warg-trillian/warg-trillian/warg/protocol"

// SourceURLs are where the contents of a record may be fetched from: URLs by digest, in
// the order in which they are to be tried.
type SourceURLs map[protocol.Hash][]string

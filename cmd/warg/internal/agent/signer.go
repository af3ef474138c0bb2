package agent

import "github.com/warg-trillian/warg-trillian/warg/protocol"

// Signer signs records.
type Signer = *protocol.PrivateKey

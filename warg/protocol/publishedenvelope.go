package protocol

import (
	"fmt"
	"strconv"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
)

// PublishedEnvelope is a record that stands in the records log.
type PublishedEnvelope struct {
	Envelope      Envelope
	RegistryIndex uint64 // leaf index in the records log, from 0
}

// MarshalJSON returns the members of [Envelope.MarshalJSON] and
// "registryIndex" in one object.
func (p PublishedEnvelope) MarshalJSON() ([]byte, error) {
	b := p.Envelope.appendJSON(nil)
	b = appendName(b[:len(b)-1], "registryIndex")
	return append(strconv.AppendUint(b, p.RegistryIndex, 10), '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes. Unknown members, a fetch token
// among them, are ignored.
func (p *PublishedEnvelope) UnmarshalJSON(data []byte) error {
	var parsed PublishedEnvelope
	err := serde.Unmarshal(data, func(v serde.Value) error {
		return v.Fields(serde.Required("registryIndex", &parsed.RegistryIndex, serde.Value.Uint64))
	})
	if err != nil {
		return fmt.Errorf("published envelope: %w", err)
	}
	if err := parsed.Envelope.UnmarshalJSON(data); err != nil {
		return err
	}
	*p = parsed
	return nil
}

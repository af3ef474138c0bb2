package protocol

import (
	"fmt"
	"strconv"
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
	err := decodeJSONObject(data, []string{"registryIndex"}, func(_ int, value []byte) (err error) {
		parsed.RegistryIndex, err = jsonUint(value)
		return err
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

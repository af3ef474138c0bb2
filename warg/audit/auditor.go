package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// Auditor audits one registry. It is for one goroutine at a time.
type Auditor struct {
	source  Source
	state   *overlay
	options Options
	policy  *witness.Policy // nil: none
	vkeys   map[tlog.Log][]string
}

// New returns an auditor of the registry at a source, which goes on from what is in the
// store. It makes no request. An error says that a key or the policy can not be read.
func New(source Source, store Store, o Options) (*Auditor, error) {
	a := &Auditor{source: source, state: newOverlay(store), options: o.withDefaults(), vkeys: map[tlog.Log][]string{}}
	vkeys := slices.Clone(o.VKeys)
	for i, vkey := range vkeys {
		if slices.Contains(vkeys[:i], vkey) {
			return nil, fmt.Errorf("the note key %q is given twice; each log has one of its own", vkey)
		}
	}
	if len(o.Policy) > 0 {
		var err error
		if a.policy, err = witness.ParsePolicy(o.Policy); err != nil {
			return nil, fmt.Errorf("the policy of witnesses: %w", err)
		}
		for _, log := range a.policy.Logs() {
			if _, err := logOfOrigin(log.Origin); err == nil { // a policy may list other logs
				vkeys = append(vkeys, log.VKey)
			}
		}
	}
	for _, vkey := range vkeys {
		vkey = strings.TrimSpace(vkey)
		v, err := tlog.NewVerifier(vkey)
		if err != nil {
			return nil, err
		}
		log, err := logOfOrigin(v.Name())
		if err != nil {
			return nil, fmt.Errorf("note key %q: %w", vkey, err)
		}
		if !slices.Contains(a.vkeys[log], vkey) {
			a.vkeys[log] = append(a.vkeys[log], vkey)
		}
	}
	return a, nil
}

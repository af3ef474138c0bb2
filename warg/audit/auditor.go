package audit

import "context"

// MaxEvidence is the length in bytes of the longest evidence.
const MaxEvidence = 64 << 20

// Auditor audits one registry. It is for one goroutine at a time.
type Auditor struct {
	source  Source
	store   Store
	options Options
}

// New returns an auditor of the registry at a source, which goes on from what is in the
// store. It makes no request.
func New(source Source, store Store, o Options) (*Auditor, error) {
	return &Auditor{source: source, store: store, options: o.withDefaults()}, nil
}

// Round audits from what is remembered to what is newest, and remembers that. An error
// says that the registry could not be audited, or not to the end; the report has what
// was found until then. What was committed stays: the next round goes on from there.
func (a *Auditor) Round(ctx context.Context) (*Report, error) { panic("being written") }

// Compare asks another vantage point of the same registry for its latest checkpoint and
// notes and judges them against what is remembered: the logs must be the same. Call it
// after a round. Tree heads that are further than what is remembered are kept and judged
// in the round that gets there.
func (a *Auditor) Compare(ctx context.Context, also Source) (*Report, error) { panic("being written") }

// Check verifies the evidence of a finding alone, and returns the finding as it follows
// from it. An error says that the document was changed, or that it proves nothing.
func Check(evidence []byte) (Finding, error) { panic("being written") }

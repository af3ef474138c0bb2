package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// WithheldList is the log of an [InconsistentError] about the operator's list of withheld
// content.
const WithheldList tlog.Log = "withheld"

// WithheldReport is what an export has done about content that the operator of the registry
// withholds.
type WithheldReport struct {
	Statements uint64 // in the folder now, verified
	New        uint64 // of them, those that it had not
	InForce    int    // contents that are withheld
	// Unverified is why the folder does not have the registry's list, or not all of it, such
	// as a key that the records log of the folder does not have yet; "" if it has.
	Unverified string
	// Kept are withheld contents that the folder had before, and has; Removed those that
	// [Options.RemoveWithheld] has removed. Of one that no export brought, the digest alone
	// is known.
	Kept, Removed []WithheldRelease
}

// WithheldRelease is a release whose content the operator withholds.
type WithheldRelease struct {
	Release
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason"`
	Reference string    `json:"reference,omitempty"`
}

func withheldRelease(r Release, s withheld.Statement) WithheldRelease {
	return WithheldRelease{r, s.Time, s.Reason, s.Reference}
}

// listState is what an export remembers of the list.
type listState struct {
	Length uint64        `json:"length"`
	Head   protocol.Hash `json:"head"`
}

// Names and bounds.
const (
	listStatePath = stateDir + "/withheld.json"
	maxPage       = 4 << 20
	maxList       = 256 << 20
	maxStatements = 100_000
)

// errNoList says that a registry has no list of withheld content.
var errNoList = errors.New("the registry has no list of withheld content")

// copyStatements brings the operator's list of withheld content up to date, verified by the
// operator log in the folder, which has records. A list that does not continue the folder's
// is an [*InconsistentError], and the folder's stays.
func (e *exporter) copyStatements(ctx context.Context, records uint64) error {
	state, err := e.listState()
	if err != nil {
		return err
	}
	list := &remoteList{ctx: ctx, source: e.options.Source}
	some, err := list.begin()
	switch {
	case errors.Is(err, errNoList) && state.Length > 0:
		return listContradicts("%w, and the folder has one of %d statements", err, state.Length)
	case errors.Is(err, errNoList), err == nil && !some && state.Length == 0:
		return nil
	case errors.Is(err, audit.ErrNoAnswer) && state.Length == 0 && !e.options.Content:
		e.unverified("it could not be asked for: %v", err)
		return nil
	case err != nil:
		return fmt.Errorf("the list of withheld content: %w", err)
	}
	origin, keys, err := e.operatorKeys(records)
	if err != nil && state.Length == 0 {
		e.unverified("%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	chain, all, err := list.read(origin, keys)
	if err := e.checkList(state, all, err); err != nil {
		return err
	}
	return e.takeList(state, chain, all)
}

func (e *exporter) unverified(format string, args ...any) {
	e.withheldReport().Unverified = fmt.Sprintf(format, args...)
}

func (e *exporter) withheldReport() *WithheldReport {
	if e.report.Withheld == nil {
		e.report.Withheld = new(WithheldReport)
	}
	return e.report.Withheld
}

// checkList demands that statements, behind which err is why there are no more, continue
// those that the folder has.
func (e *exporter) checkList(state listState, all []withheld.Signed, err error) error {
	n := uint64(len(all))
	var wrong *withheld.ListError
	var unknown *withheld.KeyError
	switch {
	case err != nil && !errors.As(err, &wrong):
		return fmt.Errorf("the list of withheld content: %w", err)
	case state.Length > 0 && n >= state.Length && all[state.Length-1].Hash() != state.Head:
		return listContradicts("statement %d is another than the folder has: the list is forked", state.Length-1)
	case errors.As(err, &unknown) && n >= state.Length:
		e.unverified("%v, as of the records in the folder", unknown)
	case err != nil:
		return listContradicts("%w", err)
	case n < state.Length:
		return listContradicts("the list has %d statements, and the folder has %d: it went back", n, state.Length)
	}
	return nil
}

// takeList writes a list that continues the folder's.
func (e *exporter) takeList(state listState, chain *withheld.Chain, all []withheld.Signed) error {
	report := e.withheldReport()
	report.New += chain.Length() - state.Length
	report.Statements, report.InForce = chain.Length(), len(chain.InForce())
	e.withheld = chain
	if chain.Length() == 0 {
		return nil
	}
	text := withheld.AppendFile(nil, all)
	if there, err := e.out.read(withheld.File, maxList); err != nil || string(there) != string(text) {
		if err := e.out.write(withheld.File, text); err != nil {
			return err
		}
	}
	remembered, err := json.Marshal(listState{chain.Length(), chain.Head()})
	if err != nil {
		return err
	}
	return errors.Join(e.out.write(listStatePath, remembered), e.out.sync())
}

func listContradicts(format string, args ...any) error {
	return &InconsistentError{WithheldList, withheld.Path, fmt.Errorf(format, args...)}
}

// listState is what the folder has of the list: as it is remembered, or else as it is there.
func (e *exporter) listState() (state listState, err error) {
	text, err := e.out.read(listStatePath, maxPage)
	if err == nil {
		if err = json.Unmarshal(text, &state); err != nil {
			err = fmt.Errorf("%s, which an earlier export wrote: %w", listStatePath, err)
		}
		return state, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return state, err
	}
	text, err = e.out.read(withheld.File, maxList)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	var all []withheld.Signed
	if err == nil {
		all, err = withheld.ParseFile(text)
	}
	if n := len(all); err == nil && n > 0 {
		state = listState{uint64(n), all[n-1].Hash()}
	}
	if err != nil {
		err = fmt.Errorf("%s in the folder: %w", withheld.File, err)
	}
	return state, err
}

// remoteList is the list as a registry has it, or a copy as static files.
type remoteList struct {
	ctx    context.Context
	source audit.Source
	first  *withheld.Page    // of a registry
	all    []withheld.Signed // of a copy
}

// begin asks for the beginning, and tells whether there is any statement.
func (l *remoteList) begin() (some bool, err error) {
	page, err := l.page(withheld.PagePath(0))
	if err == nil {
		l.first = &page
		return page.Total > 0, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	text, err := read(l.ctx, l.source, withheld.File, maxList)
	if errors.Is(err, fs.ErrNotExist) {
		return false, errNoList
	}
	if err == nil {
		l.all, err = withheld.ParseFile(text)
	}
	return true, err
}

func (l *remoteList) page(path string) (page withheld.Page, err error) {
	if path == withheld.PagePath(0) && l.first != nil {
		return *l.first, nil
	}
	text, err := read(l.ctx, l.source, path, maxPage)
	if err == nil {
		err = page.UnmarshalJSON(text)
	}
	return page, err
}

// read reads and verifies the list: see [withheld.Read].
func (l *remoteList) read(origin protocol.Hash, keys withheld.Keys) (*withheld.Chain, []withheld.Signed, error) {
	if l.first != nil {
		return withheld.Read(origin, keys, maxStatements, l.page)
	}
	chain, err := withheld.Verify(origin, keys, l.all)
	return chain, l.all[:chain.Length()], err
}

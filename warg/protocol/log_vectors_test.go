package protocol

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
)

func TestVectorPackageLogs(t *testing.T) {
	check := vectortest.Check(func(t *testing.T, c logCase) {
		checkLog(t, &c, &packageLogRun{})
	})
	vectortest.Run(t, "package_logs.json", map[string]vectortest.Handler{"sequence": check, "random": check})
}

func TestVectorOperatorLogs(t *testing.T) {
	check := vectortest.Check(func(t *testing.T, c logCase) {
		checkLog(t, &c, &operatorLogRun{})
	})
	vectortest.Run(t, "operator_logs.json", map[string]vectortest.Handler{"sequence": check, "random": check})
}

type logCase struct {
	Valid   bool
	Records []struct {
		recordModel
		RecordID Hash `json:"record_id"`
		Envelope Envelope
	}
	FailedIndex  int    `json:"failed_index"`
	ErrorVariant Rule   `json:"error_variant"`
	Error        string `json:"error"`
	State        *stateModel
	StateBefore  *stateModel `json:"state_before_failure"`
	StateJSON    string      `json:"state_json"`
}

// stateModel is a log's state as the vectors describe it. Where the reference
// can not write the state, only the head and the releases are there.
type stateModel struct {
	Algorithm *string `json:"hash_algorithm"`
	Head      *struct {
		RecordID Hash    `json:"record_id"`
		TimeText *string `json:"time_text"`
		Time     Time
	}
	Permissions []struct {
		KeyID       KeyID `json:"key_id"`
		Permissions []string
	}
	Keys []struct {
		KeyID     KeyID  `json:"key_id"`
		PublicKey string `json:"public_key"`
	}
	Releases []struct {
		Version    string
		RecordID   Hash `json:"record_id"`
		By         KeyID
		Time       Time
		Status     string
		Content    AnyHash
		YankedBy   KeyID `json:"yanked_by"`
		YankedTime Time  `json:"yanked_time"`
	}
	FindLatest []struct {
		Requirement string
		Version     *string
	} `json:"find_latest"`
	Namespaces        []json.RawMessage
	CheckpointSigners []KeyID `json:"checkpoint_signers"`
}

// logRun is a log of either kind, as far as the vectors go.
type logRun interface {
	json.Marshaler
	json.Unmarshaler
	Head() (Hash, Time, bool)
	PublicKey(KeyID) (PublicKey, bool)
	add(env Envelope) (Hash, error)
	heldBy(id KeyID) []string
	checkRest(t *testing.T, s *stateModel)
	// reload puts the state through its stored form.
	reload(t *testing.T)
	fresh() logRun
}

func checkLog(t *testing.T, c *logCase, log logRun) {
	for i, r := range c.Records {
		if !c.Valid && i == c.FailedIndex {
			checkRefusal(t, c, log, r.Envelope)
			return
		}
		id, err := log.add(r.Envelope)
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		equal(t, "record id", id, r.RecordID)
		log.reload(t)
	}
	if !c.Valid {
		t.Fatalf("all records are valid, want record %d refused", c.FailedIndex)
	}
	checkState(t, log, c.State)
	got, err := log.MarshalJSON()
	if err != nil {
		equal(t, "state", "cannot serialise: "+err.Error(), c.StateJSON)
		return
	}
	equal(t, "state", string(got), c.StateJSON)
	again := log.fresh()
	if err := json.Unmarshal(got, again); err != nil {
		t.Fatal(err)
	}
	checkState(t, again, c.State)
}

func checkRefusal(t *testing.T, c *logCase, log logRun, env Envelope) {
	_, err := log.add(env)
	var broken *ValidationError
	if !errors.As(err, &broken) {
		t.Fatalf("error is %v, want a ValidationError", err)
	}
	equal(t, "rule", broken.Rule, c.ErrorVariant)
	equal(t, "error", broken.Error(), c.Error)
	equal(t, "is ErrSignature", errors.Is(err, ErrSignature), c.ErrorVariant == SignatureError)
	checkState(t, log, c.StateBefore)
}

func checkState(t *testing.T, log logRun, s *stateModel) {
	t.Helper()
	id, at, ok := log.Head()
	if ok != (s.Head != nil) {
		t.Fatalf("there is a head: %v", ok)
	}
	if ok {
		equal(t, "head", id, s.Head.RecordID)
		equal(t, "time of head", at, s.Head.Time)
		if s.Head.TimeText != nil {
			text, err := at.text()
			equal(t, "error of time", err, nil)
			equal(t, "time text", text, *s.Head.TimeText)
		}
	}
	for _, p := range s.Permissions {
		equalDeep(t, "permissions of "+string(p.KeyID), log.heldBy(p.KeyID), p.Permissions)
	}
	for _, k := range s.Keys {
		key, ok := log.PublicKey(k.KeyID)
		if !ok || key.String() != k.PublicKey {
			t.Errorf("key %s is %v, %v, want %s", k.KeyID, key, ok, k.PublicKey)
		}
	}
	log.checkRest(t, s)
}

type packageLogRun struct{ PackageLog }

func (l *packageLogRun) fresh() logRun { return &packageLogRun{} }

func (l *packageLogRun) add(env Envelope) (Hash, error) {
	r, err := ParsePackageEnvelope(env)
	if err != nil {
		return Hash{}, err
	}
	return r.ID, l.Validate(r)
}

func (l *packageLogRun) heldBy(id KeyID) []string { return heldBy(&l.keyring, id) }

func heldBy[P ~string](k *keyring[P], id KeyID) []string {
	names := []string{}
	held, _ := k.held(id)
	for _, p := range held.list() {
		if k.HasPermission(id, p) {
			names = append(names, string(p))
		}
	}
	return names
}

func (l *packageLogRun) reload(t *testing.T) {
	t.Helper()
	state, err := l.MarshalState()
	if err != nil {
		t.Fatal(err)
	}
	var decoded PackageLog
	if err := decoded.UnmarshalState(state); err != nil {
		t.Fatal(err)
	}
	checkDecoded(t, &decoded, state)
	releases := slices.Collect(l.Releases())
	if err := l.UnmarshalState(state); err != nil {
		t.Fatal(err)
	}
	for _, r := range releases {
		l.SetRelease(r)
	}
}

func (l *packageLogRun) checkRest(t *testing.T, s *stateModel) {
	t.Helper()
	releases := slices.Collect(l.Releases())
	if len(releases) != len(s.Releases) {
		t.Fatalf("%d releases, want %d", len(releases), len(s.Releases))
	}
	for i, want := range s.Releases {
		r := Release{RecordID: want.RecordID, Version: want.Version, By: want.By, Time: want.Time, Content: want.Content}
		if want.Status == "yanked" {
			r.Yank = &Yank{By: want.YankedBy, Time: want.YankedTime}
		}
		equalDeep(t, "release", releases[i], r)
		byVersion, ok := l.Release(want.Version)
		if !ok {
			t.Errorf("no release %s", want.Version)
		}
		equalDeep(t, "release by version", byVersion, r)
	}
	for _, f := range s.FindLatest {
		latest, ok, err := l.FindLatest(f.Requirement)
		if err != nil || ok != (f.Version != nil) || ok && latest.Version != *f.Version {
			t.Errorf("latest for %q is %q, %v, %v", f.Requirement, latest.Version, ok, err)
		}
	}
}

type operatorLogRun struct{ OperatorLog }

func (l *operatorLogRun) fresh() logRun { return &operatorLogRun{} }

func (l *operatorLogRun) add(env Envelope) (Hash, error) {
	r, err := ParseOperatorEnvelope(env)
	if err != nil {
		return Hash{}, err
	}
	return r.ID, l.Validate(r)
}

func (l *operatorLogRun) heldBy(id KeyID) []string { return heldBy(&l.keyring, id) }

// reload goes by way of the JSON, the only stored form of an operator log. It can
// not hold times before 1970.
func (l *operatorLogRun) reload(t *testing.T) {
	t.Helper()
	state, err := l.MarshalJSON()
	if err != nil {
		return
	}
	if err := l.UnmarshalJSON(state); err != nil {
		t.Fatal(err)
	}
}

func (l *operatorLogRun) checkRest(t *testing.T, s *stateModel) {
	t.Helper()
	namespaces := slices.Collect(l.Namespaces())
	if len(namespaces) != len(s.Namespaces) {
		t.Fatalf("%d namespaces, want %d", len(namespaces), len(s.Namespaces))
	}
	for i, raw := range s.Namespaces {
		var want struct{ Namespace, State, Registry string }
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		ns := Namespace{Name: want.Namespace, Imported: want.State == "imported", Registry: want.Registry}
		equal(t, "namespace", namespaces[i], ns)
		byName, _ := l.Namespace(ns.Name)
		equal(t, "namespace by name", byName, ns)
	}
	if !slices.Equal(l.CheckpointSigners(), s.CheckpointSigners) {
		t.Errorf("checkpoint signers are %v, want %v", l.CheckpointSigners(), s.CheckpointSigners)
	}
}

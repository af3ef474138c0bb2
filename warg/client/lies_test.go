package client_test

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// scene is a registry with two packages, of which clients remember a part.
type scene struct {
	*registry
	t       *testing.T
	a, b    protocol.PackageName // of four and of two records
	contact protocol.SignedCheckpoint
	known   func() client.Store // of a client that was there when a had two records
}

// lying is a lie: an answer to a path of the API, changed.
type lying struct {
	what  string
	claim client.Claim // that does not hold then
	known bool         // told to a client that was there before
	path  string
	tell  func(s *scene, request, answer []byte) []byte
}

func newScene(t *testing.T) *scene {
	prefix := "example:" + strings.ToLower(t.Name())
	s := &scene{registry: sharedRegistry(t), t: t, a: name(t, prefix+"-a"), b: name(t, prefix+"-b")}
	c, key := s.client(t, client.Options{}), newKey(t)
	grant := client.Grant(key.Public(), protocol.PermissionYank)
	publish(t, c, s.b, key, nil, client.Init(key.Public()))
	publish(t, c, s.b, key, nil, grant)
	publish(t, c, s.a, key, nil, client.Init(key.Public()))
	s.contact = publish(t, c, s.a, key, nil, grant).Checkpoint
	s.known = s.remembering()
	publish(t, c, s.a, key, nil, grant)
	publish(t, c, s.a, key, nil, grant)
	return s
}

// remembering returns a maker of stores with what a client remembers now.
func (s *scene) remembering() func() client.Store {
	store := new(client.MemoryStore)
	if _, err := s.client(s.t, client.Options{Store: store}).Package(s.t.Context(), s.a); err != nil {
		s.t.Fatal(err)
	}
	return func() client.Store {
		copied := new(client.MemoryStore)
		for _, name := range s.stored() {
			value, err := store.Read(s.t.Context(), name)
			if err == nil {
				err = copied.Replace(s.t.Context(), name, nil, value)
			}
			if err != nil {
				s.t.Fatal(err)
			}
		}
		return copied
	}
}

// stored are the names in the store of a client that read the package a.
func (s *scene) stored() []string {
	return []string{"checkpoint", "operator", "package/example/" + s.a.Name()}
}

// ask gives the registry's own answer.
func (s *scene) ask(path string, body api.Body) []byte {
	s.t.Helper()
	request := httptest.NewRequest("POST", "/"+path, bytes.NewReader(body.AppendJSON(nil)))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, request)
	if answer.Code != 200 {
		s.t.Fatalf("the registry itself answers %d %s", answer.Code, answer.Body)
	}
	return answer.Body.Bytes()
}

// checkpoint changes a checkpoint and has it signed by the operator.
func checkpoint(change func(*protocol.TimestampedCheckpoint)) func(*scene, []byte, []byte) []byte {
	return func(s *scene, _, answer []byte) []byte {
		contents := decode[protocol.SignedCheckpoint](s.t, answer).Contents
		change(&contents)
		return marshal(s.t, contents.Sign(s.key))
	}
}

// logs changes an answer with records.
func logs(change func(*scene, *api.FetchLogsResponse)) func(*scene, []byte, []byte) []byte {
	return func(s *scene, _, answer []byte) []byte {
		response := decode[api.FetchLogsResponse](s.t, answer)
		change(s, &response)
		return response.AppendJSON(nil)
	}
}

// bundles changes proofs of inclusion.
func bundles(change func(*proof.LogBundle, *proof.MapBundle)) func(*scene, []byte, []byte) []byte {
	return func(s *scene, _, answer []byte) []byte {
		response := decode[api.InclusionResponse](s.t, answer)
		inLog, err := proof.DecodeLogBundle(response.Log)
		if err != nil {
			s.t.Fatal(err)
		}
		inMap, err := proof.DecodeMapBundle(response.Map)
		if err != nil {
			s.t.Fatal(err)
		}
		change(&inLog, &inMap)
		return api.InclusionResponse{Log: inLog.Encode(), Map: inMap.Encode()}.AppendJSON(nil)
	}
}

var lies = []lying{
	{"signature of another key", client.ClaimSignature, false, api.FetchCheckpointPath, func(s *scene, _, answer []byte) []byte {
		signed := decode[protocol.SignedCheckpoint](s.t, answer)
		signed.Signature = signed.Contents.Sign(newKey(s.t)).Signature
		return marshal(s.t, signed)
	}},
	{"key that the operator log lacks", client.ClaimSignature, false, api.FetchCheckpointPath, func(s *scene, _, answer []byte) []byte {
		return marshal(s.t, decode[protocol.SignedCheckpoint](s.t, answer).Contents.Sign(newKey(s.t)))
	}},
	{"time that was not signed", client.ClaimSignature, false, api.FetchCheckpointPath, func(s *scene, _, answer []byte) []byte {
		signed := decode[protocol.SignedCheckpoint](s.t, answer)
		signed.Contents.Timestamp++
		return marshal(s.t, signed)
	}},
	{"forked log root", client.ClaimInclusion, false, api.FetchCheckpointPath, checkpoint(func(c *protocol.TimestampedCheckpoint) { c.LogRoot[0]++ })},
	{"forked map root", client.ClaimHead, false, api.FetchCheckpointPath, checkpoint(func(c *protocol.TimestampedCheckpoint) { c.MapRoot[0]++ })},
	{"fork of what is remembered", client.ClaimConsistency, true, api.FetchCheckpointPath, checkpoint(func(c *protocol.TimestampedCheckpoint) { c.LogRoot[0]++ })},
	{"stale checkpoint", client.ClaimConsistency, true, api.FetchCheckpointPath, checkpoint(func(c *protocol.TimestampedCheckpoint) { c.LogLength = 3 })},
	{"other roots at the length that is remembered", client.ClaimConsistency, true, api.FetchCheckpointPath, func(s *scene, _, _ []byte) []byte {
		contents := s.contact.Contents
		contents.MapRoot[0]++
		return marshal(s.t, contents.Sign(s.key))
	}},

	{"record left out", client.ClaimPackageLog, false, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) {
		records := &r.Packages[0].Value
		*records = append((*records)[:1:1], (*records)[2:]...)
	})},
	{"first record left out", client.ClaimPackageLog, true, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) {
		r.Packages[0].Value = r.Packages[0].Value[1:]
	})},
	{"operator's records left out", client.ClaimOperatorLog, false, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) { r.Operator = nil })},
	{"page cut short", client.ClaimInclusion, false, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) {
		r.Packages[0].Value, r.More = r.Packages[0].Value[:3], false
	})},
	{"nothing new", client.ClaimInclusion, true, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) { r.Packages = nil })},
	{"more and more of nothing", client.ClaimPackageLog, true, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) {
		r.Packages, r.Operator, r.More = nil, nil, true
	})},
	{"records of another log", client.ClaimInclusion, false, api.FetchLogsPath, logs(func(s *scene, r *api.FetchLogsResponse) {
		request := api.FetchLogsRequest{LogLength: s.contact.Contents.LogLength, Packages: api.HashMap[*string]{{Hash: s.b.LogID().Any()}}}
		other := decode[api.FetchLogsResponse](s.t, s.ask(api.FetchLogsPath, request))
		r.Packages[0].Value = other.Packages[0].Value
	})},
	{"another log beside", client.ClaimPackageLog, false, api.FetchLogsPath, logs(func(s *scene, r *api.FetchLogsResponse) {
		r.Packages = append(r.Packages, api.HashEntry[[]api.PublishedRecord]{Hash: s.b.LogID().Any()})
	})},
	{"record that was changed", client.ClaimPackageLog, false, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) {
		content := r.Packages[0].Value[3].Envelope.Content
		content[len(content)-1]++
	})},
	{"records in another place", client.ClaimInclusion, false, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) {
		for i := range r.Packages[0].Value {
			r.Packages[0].Value[i].RegistryIndex--
		}
	})},
	{"record without fetch token", client.ClaimPackageLog, false, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) { r.Packages[0].Value[3].FetchToken = "" })},
	{"places out of order", client.ClaimPackageLog, false, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) {
		r.Packages[0].Value[2].RegistryIndex = r.Packages[0].Value[3].RegistryIndex
	})},
	{"place beyond the log", client.ClaimPackageLog, false, api.FetchLogsPath, logs(func(_ *scene, r *api.FetchLogsResponse) { r.Packages[0].Value[3].RegistryIndex += 1000 })},

	{"proof for another leaf", client.ClaimInclusion, false, api.ProveInclusionPath, func(s *scene, request, _ []byte) []byte {
		asked := decode[api.InclusionRequest](s.t, request)
		asked.Leafs[1] = asked.Leafs[0]
		return s.ask(api.ProveInclusionPath, asked)
	}},
	{"proofs in another order", client.ClaimInclusion, false, api.ProveInclusionPath, func(s *scene, request, _ []byte) []byte {
		asked := decode[api.InclusionRequest](s.t, request)
		asked.Leafs[0], asked.Leafs[1] = asked.Leafs[1], asked.Leafs[0]
		return s.ask(api.ProveInclusionPath, asked)
	}},
	{"log proof left out", client.ClaimInclusion, false, api.ProveInclusionPath, bundles(func(l *proof.LogBundle, _ *proof.MapBundle) {
		l.IncludedNodes = l.IncludedNodes[:1]
	})},
	{"log proofs left out", client.ClaimInclusion, false, api.ProveInclusionPath, bundles(func(l *proof.LogBundle, _ *proof.MapBundle) { *l = proof.LogBundle{} })},
	{"hash left out", client.ClaimInclusion, false, api.ProveInclusionPath, bundles(func(l *proof.LogBundle, _ *proof.MapBundle) { l.Hashes = l.Hashes[1:] })},
	{"map proof left out", client.ClaimHead, false, api.ProveInclusionPath, bundles(func(_ *proof.LogBundle, m *proof.MapBundle) { m.Proofs = m.Proofs[:1] })},
	{"map proofs left out", client.ClaimHead, false, api.ProveInclusionPath, bundles(func(_ *proof.LogBundle, m *proof.MapBundle) { m.Proofs = nil })},
	{"map proofs swapped", client.ClaimHead, false, api.ProveInclusionPath, bundles(func(_ *proof.LogBundle, m *proof.MapBundle) {
		m.Proofs[0], m.Proofs[1] = m.Proofs[1], m.Proofs[0]
	})},
	{"consistency with another length", client.ClaimConsistency, true, api.ProveConsistencyPath, func(s *scene, request, _ []byte) []byte {
		asked := decode[api.ConsistencyRequest](s.t, request)
		asked.From--
		return s.ask(api.ProveConsistencyPath, asked)
	}},
	{"no consistency", client.ClaimConsistency, true, api.ProveConsistencyPath, func(*scene, []byte, []byte) []byte {
		return api.ConsistencyResponse{}.AppendJSON(nil)
	}},
}

// A client refuses each lie with the claim that does not hold, remembers nothing
// of it, and gets on with the registry when that tells the truth again.
func TestLies(t *testing.T) {
	s := newScene(t)
	for _, l := range lies {
		t.Run(l.what, func(t *testing.T) {
			store := client.Store(new(client.MemoryStore))
			if l.known {
				store = s.known()
			}
			told := false
			url := lie(t, s.registry, func(path string, request, answer []byte) []byte {
				if path != l.path {
					return answer
				}
				told = true
				return l.tell(s, request, answer)
			})
			before := s.remembered(store)
			_, err := newClient(t, url, client.Options{Store: store}).Package(t.Context(), s.a)
			refused(t, err, l.claim)
			if !told {
				t.Error("the lie was not told")
			}
			if after := s.remembered(store); after != before {
				t.Errorf("what is remembered went from\n%s\nto\n%s", before, after)
			}
			if _, err := s.client(t, client.Options{Store: store}).Package(t.Context(), s.a); err != nil {
				t.Errorf("the truth: %v", err)
			}
		})
	}
}

func (s *scene) remembered(store client.Store) string {
	s.t.Helper()
	var all strings.Builder
	for _, name := range s.stored() {
		value, err := store.Read(s.t.Context(), name)
		if err != nil {
			s.t.Fatal(err)
		}
		all.WriteString(name + " " + string(value) + "\n")
	}
	return all.String()
}

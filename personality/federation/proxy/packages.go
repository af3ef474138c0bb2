package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxUnknown is how many logs of one request may have no name before the rest is taken to
// have none: a registry names one at a time of those that it does not know.
const maxUnknown = 16

// checkFilter demands that the filter lets the packages of all logs through. What it does
// not, is not found.
func (p *Proxy) checkFilter(ctx context.Context, ids []protocol.Hash) error {
	if p.options.Registry.Filter.LetsAllThrough() {
		return nil
	}
	names, err := p.namesOf(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if name, known := names[id]; !known || !p.options.Registry.Filter.Allows(name) {
			return &registry.LogNotFoundError{LogID: id}
		}
	}
	return nil
}

// Names implements [httpapi.Reader]: of packages that the filter lets through.
func (p *Proxy) Names(ctx context.Context, logIDs []protocol.Hash) ([]reader.NamedLog, error) {
	names, err := p.namesOf(ctx, logIDs)
	if err != nil {
		return nil, p.judge(ctx, err)
	}
	named := make([]reader.NamedLog, len(logIDs))
	for i, id := range logIDs {
		named[i].LogID = id
		if name, known := names[id]; known && p.options.Registry.Filter.Allows(name) {
			named[i].Name = name.String()
		}
	}
	return named, nil
}

// namesOf returns the names of those logs that the other registry has. Their ids prove them.
func (p *Proxy) namesOf(ctx context.Context, ids []protocol.Hash) (map[protocol.Hash]protocol.PackageName, error) {
	names := map[protocol.Hash]protocol.PackageName{}
	var asked []protocol.AnyHash
	for _, id := range ids {
		if name, ok := p.names.Get(id); ok {
			names[id] = name
		} else if !slices.Contains(asked, id.Any()) {
			asked = append(asked, id.Any())
		}
	}
	for unknown := 0; len(asked) > 0 && unknown < maxUnknown; unknown++ {
		var answer api.FetchPackageNamesResponse
		err := p.up.post(ctx, api.FetchPackageNamesPath, api.FetchPackageNamesRequest{Packages: asked}, &answer, new(api.FetchError))
		var missing *api.FetchError
		if errors.As(err, &missing) && missing.Variant == api.FetchLogNotFound {
			left := slices.DeleteFunc(asked, func(id protocol.AnyHash) bool { return id == missing.LogID })
			if len(left) == len(asked) {
				return nil, p.unproven(client.ClaimName, fmt.Errorf("it does not know log %s, which was not asked for", missing.LogID))
			}
			asked = left
			continue
		}
		if err != nil {
			return nil, p.refuted(client.ClaimName, err)
		}
		return names, p.takeNames(names, asked, answer)
	}
	return names, nil
}

// takeNames takes names of logs that were asked for from an answer.
func (p *Proxy) takeNames(names map[protocol.Hash]protocol.PackageName, asked []protocol.AnyHash, answer api.FetchPackageNamesResponse) error {
	for _, of := range answer.Packages {
		if of.Value == nil || !slices.Contains(asked, of.Hash) {
			continue
		}
		id := of.Value.LogID()
		if id.Any() != of.Hash {
			return p.unproven(client.ClaimName, fmt.Errorf("log %s is not that of %s", of.Hash, of.Value))
		}
		names[id] = *of.Value
		p.names.Put(id, *of.Value)
	}
	return nil
}

// RecordStatus implements [httpapi.Reader]: of published records. What is not published is
// for those who publish to ask the other registry.
func (p *Proxy) RecordStatus(ctx context.Context, logID, recordID protocol.Hash) (registry.RecordStatus, error) {
	s, err := p.newest(ctx)
	if err != nil {
		return registry.RecordStatus{}, err
	}
	at := s.checkpoint.Contents.Checkpoint
	records := s.records
	if logID != protocol.OperatorLogID() {
		logs, err := p.packageLogs(ctx, at, []protocol.Hash{logID})
		if err != nil {
			return registry.RecordStatus{}, p.judge(ctx, err)
		}
		records = logs[logID].records
	}
	i := slices.IndexFunc(records, func(r reader.PublishedRecord) bool { return r.RecordID == recordID })
	if i < 0 {
		return registry.RecordStatus{}, &registry.RecordNotFoundError{RecordID: recordID}
	}
	if err := p.proveLeaf(ctx, at, records[i].RegistryIndex, protocol.LogLeaf{LogID: logID, RecordID: recordID}); err != nil {
		return registry.RecordStatus{}, p.judge(ctx, err)
	}
	return registry.RecordStatus{RecordID: recordID, State: registry.Published, RegistryIndex: records[i].RegistryIndex}, nil
}

// proveLeaf demands that a leaf is at an index, whatever package logs say.
func (p *Proxy) proveLeaf(ctx context.Context, at protocol.Checkpoint, index uint64, leaf protocol.LogLeaf) error {
	leaves, err := p.proved(ctx, at, index, 1)
	if err == nil && leaves[0] != leaf {
		err = p.unproven(client.ClaimRecord, fmt.Errorf("record %s is said to be at index %d, where %s is", leaf.RecordID, index, leaves[0].RecordID))
	}
	return err
}

// notHere refuses what is not asked of others for a proxy.
func (p *Proxy) notHere(what string) error {
	return &api.MessageError{Code: http.StatusNotImplemented, Message: fmt.Sprintf("%s of registry `%s` are not served through this registry, which asks it for each request; ask it at %s", what, p.domain, p.URL)}
}

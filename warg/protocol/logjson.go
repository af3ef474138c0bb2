package protocol

import (
	"fmt"
	"slices"
)

// The reference's own JSON of a log's state, byte for byte: clients keep it on
// disk, and it makes states comparable. Members are in the order of the log.

// MarshalJSON returns the state as the reference writes it. Like the reference
// it fails if a time in it is before 1970.
func (l *PackageLog) MarshalJSON() ([]byte, error) {
	b, err := l.appendHeadAndPermissions([]byte{'{'})
	if err != nil {
		return nil, err
	}
	b, err = appendMap(b, "releases", &l.releases, appendRelease)
	if err != nil {
		return nil, err
	}
	b = l.appendKeys(b)
	return append(b, '}'), nil
}

// MarshalJSON returns the state as the reference writes it. Like the reference
// it fails if a time in it is before 1970.
func (l *OperatorLog) MarshalJSON() ([]byte, error) {
	b, err := l.appendHeadAndPermissions([]byte{'{'})
	if err != nil {
		return nil, err
	}
	b = l.appendKeys(b)
	b, err = appendMap(b, "namespaces", &l.namespaces, appendNamespace)
	if err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (k *keyring[P]) appendHeadAndPermissions(b []byte) ([]byte, error) {
	if k.initialized {
		b = appendMember(b, "algorithm", hashAlgorithm)
	}
	if k.hasHead {
		t, err := k.headTime.text()
		if err != nil {
			return nil, err
		}
		b = append(appendName(b, "head"), '{')
		b = appendMember(b, "digest", k.head.String())
		b = append(appendMember(b, "timestamp", t), '}')
	}
	return appendMap(b, "permissions", &k.permissions, appendPermissionList[P])
}

func (k *keyring[P]) appendKeys(b []byte) []byte {
	b, _ = appendMap(b, "keys", &k.keys, func(b []byte, key PublicKey) ([]byte, error) {
		return appendJSONString(b, key.String()), nil
	})
	return b
}

// appendName appends the name of a member, and the comma before it unless it is
// the first.
func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(appendJSONString(b, name), ':')
}

func appendMember(b []byte, name, text string) []byte {
	return appendJSONString(appendName(b, name), text)
}

// appendMap appends a member that is an object; an empty one is left out.
func appendMap[K ~string, V any](b []byte, name string, m *ordered[K, V],
	appendValue func([]byte, V) ([]byte, error)) ([]byte, error) {
	if m.len() == 0 {
		return b, nil
	}
	b = append(appendName(b, name), '{')
	for key, value := range m.all() {
		var err error
		if b, err = appendValue(appendName(b, string(key)), value); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, key, err)
		}
	}
	return append(b, '}'), nil
}

func appendPermissionList[P ~string](b []byte, held permissionSet[P]) ([]byte, error) {
	b = append(b, '[')
	for i, p := range held.list() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, string(p))
	}
	return append(b, ']'), nil
}

func appendRelease(b []byte, r Release) ([]byte, error) {
	released, err := r.Time.text()
	if err != nil {
		return nil, err
	}
	b = append(b, '{')
	b = appendMember(b, "recordId", r.RecordID.String())
	b = appendMember(b, "version", r.Version)
	b = appendMember(b, "by", string(r.By))
	b = appendMember(b, "timestamp", released)
	b = append(appendName(b, "state"), '{')
	if r.Yank == nil {
		b = appendMember(b, "status", "released")
		b = appendMember(b, "content", string(r.Content))
		return append(b, "}}"...), nil
	}
	yanked, err := r.Yank.Time.text()
	if err != nil {
		return nil, err
	}
	b = appendMember(b, "status", "yanked")
	b = appendMember(b, "by", string(r.Yank.By))
	b = appendMember(b, "timestamp", yanked)
	return append(b, "}}"...), nil
}

func appendNamespace(b []byte, ns Namespace) ([]byte, error) {
	b = appendName(append(b, '{'), "state")
	if !ns.Imported {
		return append(appendJSONString(b, "defined"), '}'), nil
	}
	b = append(appendName(append(b, '{'), "imported"), '{')
	b = appendMember(b, "registry", ns.Registry)
	return append(b, "}}}"...), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *PackageLog) UnmarshalJSON(data []byte) error {
	var parsed PackageLog
	err := jsonMembers(data, func(name string, value []byte) error {
		if name == "releases" {
			return jsonMembers(value, func(_ string, value []byte) error {
				r, err := parseRelease(value)
				parsed.SetRelease(r)
				return err
			})
		}
		return parsed.setMember(name, value, packagePermissions)
	})
	if err != nil {
		return fmt.Errorf("state of a package log: %w", err)
	}
	*l = parsed
	return nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *OperatorLog) UnmarshalJSON(data []byte) error {
	var parsed OperatorLog
	err := jsonMembers(data, func(name string, value []byte) error {
		if name == "namespaces" {
			return jsonMembers(value, func(name string, value []byte) error {
				ns, err := parseNamespace(name, value)
				parsed.SetNamespace(ns)
				return err
			})
		}
		return parsed.setMember(name, value, operatorPermissions)
	})
	if err != nil {
		return fmt.Errorf("state of an operator log: %w", err)
	}
	*l = parsed
	return nil
}

func (k *keyring[P]) setMember(name string, value []byte, all []P) error {
	switch name {
	case "algorithm":
		text, err := jsonText(value)
		k.initialized = true
		if err != nil {
			return err
		}
		return checkHashAlgorithm(text)
	case "head":
		return k.parseHead(value)
	case "permissions":
		return jsonMembers(value, func(id string, value []byte) error {
			held, err := parsePermissionList(value, all)
			k.permissions.set(KeyID(id), held)
			return err
		})
	case "keys":
		return jsonMembers(value, func(id string, value []byte) error {
			text, err := jsonText(value)
			if err != nil {
				return err
			}
			key, err := ParsePublicKey(text)
			k.keys.set(KeyID(id), key)
			return err
		})
	}
	return nil
}

func (k *keyring[P]) parseHead(data []byte) error {
	k.hasHead = true
	members := []string{"digest", "timestamp"}
	return decodeJSONObject(data, members, func(member int, value []byte) error {
		text, err := jsonText(value)
		if err != nil {
			return err
		}
		if members[member] == "digest" {
			k.head, err = ParseHash(text)
		} else {
			k.headTime, err = parseTimeText(text)
		}
		return err
	})
}

func parsePermissionList[P ~string](data []byte, all []P) (held permissionSet[P], err error) {
	err = jsonElements(data, func(value []byte) error {
		text, err := jsonText(value)
		if err != nil {
			return err
		}
		if !slices.Contains(all, P(text)) {
			return fmt.Errorf("invalid permission %q", text)
		}
		held = held.with(P(text))
		return nil
	})
	return held, err
}

func parseRelease(data []byte) (r Release, err error) {
	members := []string{"recordId", "version", "by", "timestamp", "state"}
	err = decodeJSONObject(data, members, func(member int, value []byte) error {
		if members[member] == "state" {
			return r.parseState(value)
		}
		text, err := jsonText(value)
		if err != nil {
			return err
		}
		switch members[member] {
		case "recordId":
			r.RecordID, err = ParseHash(text)
		case "version":
			r.Version, err = text, CheckVersion(text)
		case "by":
			r.By = KeyID(text)
		case "timestamp":
			r.Time, err = parseTimeText(text)
		}
		return err
	})
	return r, err
}

func (r *Release) parseState(data []byte) error {
	var status string
	var yank Yank
	err := jsonMembers(data, func(name string, value []byte) error {
		text, err := jsonText(value)
		if err != nil {
			return err
		}
		switch name {
		case "status":
			status = text
		case "content":
			r.Content, err = ParseAnyHash(text)
		case "by":
			yank.By = KeyID(text)
		case "timestamp":
			yank.Time, err = parseTimeText(text)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case status == "yanked":
		r.Content, r.Yank = "", &yank
	case status != "released" || r.Content == "":
		return fmt.Errorf("release has status %q and content %q", status, r.Content)
	}
	return nil
}

func parseNamespace(name string, data []byte) (Namespace, error) {
	ns := Namespace{Name: name}
	err := decodeJSONObject(data, []string{"state"}, func(_ int, value []byte) error {
		if text, err := jsonText(value); err == nil {
			if text != "defined" {
				return fmt.Errorf("unknown state %q", text)
			}
			return nil
		}
		ns.Imported = true
		return decodeJSONObject(value, []string{"imported"}, func(_ int, value []byte) error {
			return decodeJSONObject(value, []string{"registry"}, func(_ int, value []byte) (err error) {
				ns.Registry, err = jsonText(value)
				return err
			})
		})
	})
	return ns, err
}

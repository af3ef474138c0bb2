package protocol

import (
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
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
	k.decode()
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
		return serde.AppendText(b, key.String()), nil
	})
	return b
}

// appendName appends the name of a member, and the comma before it unless it is
// the first.
func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(serde.AppendText(b, name), ':')
}

func appendMember(b []byte, name, text string) []byte {
	return serde.AppendText(appendName(b, name), text)
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
		b = serde.AppendText(b, string(p))
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
		return append(serde.AppendText(b, "defined"), '}'), nil
	}
	b = append(appendName(append(b, '{'), "imported"), '{')
	b = appendMember(b, "registry", ns.Registry)
	return append(b, "}}}"...), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *PackageLog) UnmarshalJSON(data []byte) error {
	var parsed PackageLog
	err := readState(data, func(name string, v serde.Value) error {
		if name != "releases" {
			return parsed.setMember(name, v, packagePermissions)
		}
		return v.Object(func(_ string, v serde.Value) error {
			r, err := readRelease(v)
			parsed.SetRelease(r)
			return err
		})
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
	err := readState(data, func(name string, v serde.Value) error {
		if name != "namespaces" {
			return parsed.setMember(name, v, operatorPermissions)
		}
		return v.Object(func(name string, v serde.Value) error {
			ns := Namespace{Name: name}
			err := ns.readState(v)
			parsed.namespaces.set(name, ns)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("state of an operator log: %w", err)
	}
	*l = parsed
	return nil
}

func readState(data []byte, member func(name string, v serde.Value) error) error {
	return serde.Unmarshal(data, func(v serde.Value) error { return v.Object(member) })
}

func (k *keyring[P]) setMember(name string, v serde.Value, all []P) error {
	switch name {
	case "algorithm":
		k.initialized = true
		text, err := v.Text()
		if err != nil {
			return err
		}
		return checkHashAlgorithm(text)
	case "head":
		k.hasHead = true
		return v.Fields(
			serde.Required("digest", &k.head, serde.Parsed(ParseHash)),
			serde.Required("timestamp", &k.headTime, serde.Parsed(parseTimeText)),
		)
	case "permissions":
		return v.Object(func(id string, v serde.Value) error {
			held, err := readPermissions(v, all)
			k.permissions.set(KeyID(id), held)
			return err
		})
	case "keys":
		return v.Object(func(id string, v serde.Value) error {
			key, err := serde.Parsed(ParsePublicKey)(v)
			k.keys.set(KeyID(id), key)
			return err
		})
	}
	return nil
}

func readPermissions[P ~string](v serde.Value, all []P) (held permissionSet[P], err error) {
	err = v.List(func(v serde.Value) error {
		text, err := v.Text()
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

func readRelease(v serde.Value) (r Release, err error) {
	err = v.Fields(
		serde.Required("recordId", &r.RecordID, serde.Parsed(ParseHash)),
		serde.Required("version", &r.Version, serde.Parsed(func(text string) (string, error) {
			return text, CheckVersion(text)
		})),
		serde.Required("by", &r.By, readKeyID),
		serde.Required("timestamp", &r.Time, serde.Parsed(parseTimeText)),
		serde.RequiredBy("state", r.readState),
	)
	return r, err
}

func (r *Release) readState(v serde.Value) error {
	var status string
	var yank Yank
	err := v.Object(func(name string, v serde.Value) error {
		text, err := v.Text()
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

func (ns *Namespace) readState(v serde.Value) error {
	return v.Fields(serde.RequiredBy("state", func(v serde.Value) error {
		if v.IsText() {
			text, err := v.Text()
			if err == nil && text != "defined" {
				err = fmt.Errorf("unknown state %q", text)
			}
			return err
		}
		ns.Imported = true
		return v.Fields(serde.RequiredBy("imported", func(v serde.Value) error {
			return v.Fields(serde.Required("registry", &ns.Registry, serde.Value.Text))
		}))
	}))
}

package protocol

// keyring is what package logs and the operator log have in common: a head, and
// keys with permissions.
type keyring[P ~string] struct {
	head        Hash
	headTime    Time
	hasHead     bool
	initialized bool // an init entry was seen

	// stored has what permissions and keys hold, as long as they are not decoded;
	// they are empty then. Look keys up with held and PublicKey, and decode before
	// all else.
	stored      *storedKeys[P]
	permissions ordered[KeyID, permissionSet[P]]
	keys        ordered[KeyID, PublicKey]
}

// attempt runs validate; if it fails, everything it did to the keyring is undone.
func (k *keyring[P]) attempt(validate func() *ValidationError) *ValidationError {
	initialized := k.initialized
	k.permissions.begin()
	k.keys.begin()
	err := validate()
	if err != nil {
		k.initialized = initialized
		k.permissions.rollback()
		k.keys.rollback()
	}
	return err
}

// checkHeader checks what can be said of a record without its entries.
func (k *keyring[P]) checkHeader(prev AnyHash, version uint32, t Time) *ValidationError {
	switch {
	case !k.hasHead && prev != "":
		return broken(PreviousHashOnFirstRecord, "the first record contained a previous hash value")
	case k.hasHead && prev == "":
		return broken(NoPreviousHashAfterInit, "non-initial record contained no previous hash")
	}
	if k.hasHead {
		if found, err := prev.Hash(); err != nil || found != k.head {
			return broken(RecordHashDoesNotMatch, "previous record hash does not match")
		}
	}
	if version != RecordVersion {
		return broken(ProtocolVersionNotAllowed, "protocol version %d not allowed", version)
	}
	if k.hasHead && t.Compare(k.headTime) < 0 {
		return broken(TimestampLowerThanPrevious, "record has lower timestamp than previous")
	}
	return nil
}

// init begins the log: the signer gets all permissions, the key becomes known.
// The caller has checked whether they are the same.
func (k *keyring[P]) init(signer KeyID, key PublicKey, id KeyID, all []P) {
	var set permissionSet[P]
	for _, p := range all {
		set = set.with(p)
	}
	k.initialized = true
	k.decode()
	k.permissions.set(signer, set)
	k.keys.set(id, key)
}

// checkPermissions checks that a key holds all the given permissions.
func (k *keyring[P]) checkPermissions(id KeyID, needed ...P) *ValidationError {
	held, _ := k.held(id)
	for _, p := range needed {
		if !held.has(p) {
			return broken(UnauthorizedAction, "the key with ID %s did not have required permission %s", id, p)
		}
	}
	return nil
}

// grant gives a key permissions that the signer holds.
func (k *keyring[P]) grant(signer KeyID, key PublicKey, permissions []P) *ValidationError {
	if err := k.checkPermissions(signer, permissions...); err != nil {
		return err
	}
	k.decode()
	id := key.ID()
	held, _ := k.permissions.get(id)
	for _, p := range permissions {
		held = held.with(p)
	}
	k.keys.set(id, key)
	k.permissions.set(id, held)
	return nil
}

// revoke takes permissions that the signer holds from a key that holds them.
func (k *keyring[P]) revoke(signer, id KeyID, permissions []P) *ValidationError {
	if err := k.checkPermissions(signer, permissions...); err != nil {
		return err
	}
	k.decode()
	held, known := k.permissions.get(id)
	for _, p := range permissions {
		if !held.has(p) {
			return broken(PermissionNotFoundToRevoke,
				"attempted to remove permission %s from key %s which did not have it", p, id)
		}
		held = held.without(p)
	}
	if known {
		k.permissions.set(id, held)
	}
	return nil
}

// signer returns the key of an envelope's signer, after the record's entries
// were applied: a record may make its own signer known.
func (k *keyring[P]) signer(id KeyID, logName string) (PublicKey, *ValidationError) {
	if !k.initialized {
		return PublicKey{}, broken(InitialRecordDoesNotInit, `the initial record is empty and does not "init"`)
	}
	key, ok := k.PublicKey(id)
	if !ok {
		return PublicKey{}, keyNotRecognized(logName)
	}
	return key, nil
}

func keyNotRecognized(logName string) *ValidationError {
	return broken(KeyIDNotRecognized, "the Key ID used to sign this envelope is not known to this %s log", logName)
}

func (k *keyring[P]) setHead(id Hash, t Time) {
	k.head, k.headTime, k.hasHead = id, t, true
}

// Head returns the id and time of the last record; ok is false if the log has
// no record.
func (k *keyring[P]) Head() (id Hash, t Time, ok bool) {
	return k.head, k.headTime, k.hasHead
}

// HasPermission reports whether a key holds a permission.
func (k *keyring[P]) HasPermission(id KeyID, p P) bool {
	held, _ := k.held(id)
	return held.has(p)
}

package protocol

import "iter"

// PackageLog is the state of a package log after the records validated so far.
// The zero value is the empty log. It must not be copied after first use, and is
// not safe for concurrent use.
//
// A server need not hold all releases: see [PackageLog.MarshalState].
type PackageLog struct {
	keyring[PackagePermission]
	releases ordered[string, Release]
}

// Release is a version of a package and what became of it.
type Release struct {
	RecordID Hash // the record that released it
	Version  string
	By       KeyID // the key that signed that record
	Time     Time  // of that record
	Content  AnyHash
	// Yank is who withdrew the release and when, nil if nobody did. Content is
	// empty then.
	Yank *Yank
}

// Yank is the withdrawal of a release.
type Yank struct {
	By   KeyID
	Time Time // of the record with the yank
}

// Validate checks the next record of the log and takes it into the state. On
// error, which is a [*ValidationError], the state is unchanged.
//
// The order of the checks is the reference's (warg-protocol, package/state.rs):
// previous record, version, time, each entry in turn, an init at all, a known
// key, and the signature.
func (l *PackageLog) Validate(r *SignedPackageRecord) error {
	if err := l.checkHeader(r.Record.Prev, r.Record.Version, r.Record.Time); err != nil {
		return err
	}
	l.releases.begin()
	err := l.attempt(func() *ValidationError { return l.apply(r) })
	if err != nil {
		l.releases.rollback()
		return err
	}
	l.setHead(r.ID, r.Record.Time)
	return nil
}

func (l *PackageLog) apply(r *SignedPackageRecord) *ValidationError {
	for i := range r.Record.Entries {
		if err := l.applyEntry(r, &r.Record.Entries[i]); err != nil {
			return err
		}
	}
	key, err := l.signer(r.Envelope.KeyID, "package")
	if err != nil {
		return err
	}
	if r.VerifySignature(key) != nil {
		return broken(SignatureError, "unable to verify signature")
	}
	return nil
}

func (l *PackageLog) applyEntry(r *SignedPackageRecord, e *PackageEntry) *ValidationError {
	signer := r.Envelope.KeyID
	switch e.Type {
	case EntryInit:
		return l.applyInit(signer, e.Key)
	case EntryRelease:
		if err := l.checkPermissions(signer, PermissionRelease); err != nil {
			return err
		}
	case EntryYank:
		if err := l.checkPermissions(signer, PermissionYank); err != nil {
			return err
		}
	}
	if !l.initialized {
		return broken(FirstEntryIsNotInit, `the first entry of the log is not "init"`)
	}
	switch e.Type {
	case EntryGrantFlat:
		return l.grant(signer, e.Key, e.Permissions)
	case EntryRevokeFlat:
		return l.revoke(signer, e.KeyID, e.Permissions)
	case EntryRelease:
		return l.applyRelease(Release{
			RecordID: r.ID, Version: e.Version, By: signer, Time: r.Record.Time, Content: e.Content,
		})
	}
	return l.applyYank(e.Version, Yank{By: signer, Time: r.Record.Time})
}

func (l *PackageLog) applyInit(signer KeyID, key PublicKey) *ValidationError {
	if l.initialized {
		return broken(InitialEntryAfterBeginning, `a second "init" entry was found`)
	}
	if key.ID() != signer {
		return keyNotRecognized("package")
	}
	l.init(signer, key, signer, packagePermissions)
	return nil
}

func (l *PackageLog) applyRelease(release Release) *ValidationError {
	if l.releases.find(release.Version) >= 0 {
		return broken(ReleaseOfReleased,
			"an entry attempted to release version %s which is already released", release.Version)
	}
	l.releases.set(release.Version, release)
	return nil
}

func (l *PackageLog) applyYank(version string, yank Yank) *ValidationError {
	release, ok := l.releases.get(version)
	switch {
	case !ok:
		return broken(YankOfUnreleased, "an entry attempted to yank version %s which had not yet been released", version)
	case release.Yank != nil:
		return broken(YankOfYanked, "an entry attempted to yank version %s which is already yanked", version)
	}
	release.Content, release.Yank = "", &yank
	l.releases.set(version, release)
	return nil
}

// Release returns the release of a version, yanked or not.
func (l *PackageLog) Release(version string) (Release, bool) {
	return l.releases.get(version)
}

// Releases returns all releases in the order of the log, yanked ones included.
func (l *PackageLog) Releases() iter.Seq[Release] {
	return func(yield func(Release) bool) {
		for _, r := range l.releases.all() {
			if !yield(r) {
				return
			}
		}
	}
}

// SetRelease puts back a release that was kept outside the state. See
// [PackageLog.MarshalState].
func (l *PackageLog) SetRelease(r Release) { l.releases.set(r.Version, r) }

// FindLatest returns the release with the highest version that fits a
// Cargo-style requirement ("*", "^1.2", ">=1, <1.5") and is not yanked. It fails
// if the requirement is not one.
func (l *PackageLog) FindLatest(requirement string) (latest Release, ok bool, err error) {
	req, err := parseRequirement(requirement)
	if err != nil {
		return Release{}, false, err
	}
	var highest version
	for _, r := range l.releases.all() {
		v, err := parseVersion(r.Version)
		if err != nil || r.Yank != nil || !req.matches(v) {
			continue
		}
		if !ok || v.compare(highest) >= 0 {
			latest, highest, ok = r, v, true
		}
	}
	return latest, ok, nil
}

// Package logs and the operator log: which record may follow, and what comes of it. The
// models are warg/protocol's log.go, packagelog.go and operatorlog.go (warg-protocol,
// package/state.rs and operator/state.rs); reasons and texts are the reference's.
import { Failure } from './failure.js';
import { isNamespace, parseHash } from './hash.js';
import { OPERATOR_RECORD, PACKAGE_RECORD } from './keys.js';
import { compareTimes, OPERATOR_PERMISSIONS, PACKAGE_PERMISSIONS } from './records.js';

// Ledger is a map that can go back to where it stood at begin. Values are replaced as a
// whole, never changed in place.
class Ledger extends Map {
  #undo = [];

  begin() {
    this.#undo = [];
  }

  put(key, value) {
    const [had, old] = [this.has(key), this.get(key)];
    this.#undo.push(() => (had ? this.set(key, old) : this.delete(key)));
    this.set(key, value);
  }

  rollback() {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo = [];
  }
}

// Log is what both kinds of log have in common: a head, and keys with permissions.
class Log {
  head = null; // {id, time} of the last record
  initialized = false; // an init entry was seen
  permissions = new Ledger(); // by key id: the list that the key holds
  keys = new Ledger(); // by key id: PublicKey

  constructor(kind, prefix) {
    this.kind = kind;
    this.prefix = prefix;
  }

  /**
   * append checks the next record of the log and takes it into the state; on error the
   * state is what it was. The checks come in the reference's order: previous record,
   * version, time, each entry in turn, an init at all, a known key, and the signature.
   * @param record as parsePackageRecord or parseOperatorRecord returns it
   */
  async append(record) {
    this.checkHeader(record);
    const ledgers = this.ledgers();
    const { initialized } = this;
    for (const ledger of ledgers) ledger.begin();
    try {
      for (const entry of record.entries) this.apply(record, entry);
      await this.checkSignature(record.envelope);
    } catch (error) {
      this.initialized = initialized;
      for (const ledger of ledgers) ledger.rollback();
      throw error;
    }
    this.head = { id: record.id, time: record.time };
  }

  ledgers() {
    return [this.permissions, this.keys];
  }

  checkHeader({ prev, version, time }) {
    if (this.head === null && prev !== null) throw new Failure('PreviousHashOnFirstRecord', 'the first record contained a previous hash value');
    if (this.head !== null && prev === null) throw new Failure('NoPreviousHashAfterInit', 'non-initial record contained no previous hash');
    if (this.head !== null && prev !== this.head.id) throw new Failure('RecordHashDoesNotMatch', 'previous record hash does not match');
    if (version !== 0) throw new Failure('ProtocolVersionNotAllowed', `protocol version ${version} not allowed`);
    if (this.head !== null && compareTimes(time, this.head.time) < 0) throw new Failure('TimestampLowerThanPrevious', 'record has lower timestamp than previous');
  }

  // checkSignature comes after the entries: a record may make its own signer known.
  async checkSignature(envelope) {
    if (!this.initialized) throw new Failure('InitialRecordDoesNotInit', 'the initial record is empty and does not "init"');
    const key = this.keys.get(envelope.keyId);
    if (key === undefined) throw this.keyNotRecognized();
    if (!(await key.verify(this.prefix, envelope.content, envelope.signature))) {
      throw new Failure('SignatureError', `unable to verify signature${this.kind === 'operator' ? ': signature error' : ''}`);
    }
  }

  keyNotRecognized() {
    return new Failure('KeyIDNotRecognized', `the Key ID used to sign this envelope is not known to this ${this.kind} log`);
  }

  secondInit() {
    return new Failure('InitialEntryAfterBeginning', 'a second "init" entry was found');
  }

  // init gives the signer all permissions, and makes the key known.
  init(signer, key, all) {
    this.initialized = true;
    this.permissions.put(signer, all);
    this.keys.put(key.id, key);
  }

  held(keyId) {
    return this.permissions.get(keyId) ?? [];
  }

  demand(keyId, ...needed) {
    for (const permission of needed) {
      if (this.held(keyId).includes(permission)) continue;
      throw new Failure('UnauthorizedAction', `the key with ID ${keyId} did not have required permission ${permission}`);
    }
  }

  grant(signer, { key, permissions }) {
    this.demand(signer, ...permissions);
    this.keys.put(key.id, key);
    this.permissions.put(key.id, [...new Set([...this.held(key.id), ...permissions])]);
  }

  revoke(signer, { keyId, permissions }) {
    this.demand(signer, ...permissions);
    let held = this.held(keyId);
    for (const permission of permissions) {
      if (!held.includes(permission)) {
        throw new Failure('PermissionNotFoundToRevoke', `attempted to remove permission ${permission} from key ${keyId} which did not have it`);
      }
      held = without(held, permission);
    }
    if (this.permissions.has(keyId)) this.permissions.put(keyId, held);
  }
}

// without puts the last permission in the place of the one that goes: the reference
// prints them in this order.
function without(held, permission) {
  const rest = held.slice(0, -1);
  const at = held.indexOf(permission);
  if (at < rest.length) rest[at] = held.at(-1);
  return rest;
}

// PackageLog is the state of a package log. releases has, by version, {version, recordId,
// by, time, content, yank}; yank is null, or {by, time, content}: the
// release has no content any more then, and yank has what it was.
export class PackageLog extends Log {
  releases = new Ledger();

  constructor() {
    super('package', PACKAGE_RECORD);
  }

  ledgers() {
    return [...super.ledgers(), this.releases];
  }

  apply(record, entry) {
    const signer = record.envelope.keyId;
    if (entry.type === 'init') {
      if (this.initialized) throw this.secondInit();
      if (entry.key.id !== signer) throw this.keyNotRecognized();
      this.init(signer, entry.key, PACKAGE_PERMISSIONS);
      return;
    }
    if (entry.type === 'release' || entry.type === 'yank') this.demand(signer, entry.type);
    if (!this.initialized) throw new Failure('FirstEntryIsNotInit', 'the first entry of the log is not "init"');
    switch (entry.type) {
      case 'grant':
        return this.grant(signer, entry);
      case 'revoke':
        return this.revoke(signer, entry);
      case 'release':
        return this.release(record, entry);
      case 'yank':
        return this.yank(record, entry);
    }
  }

  release(record, { version, content }) {
    if (this.releases.has(version)) {
      throw new Failure('ReleaseOfReleased', `an entry attempted to release version ${version} which is already released`);
    }
    this.releases.put(version, { version, recordId: record.id, by: record.envelope.keyId, time: record.time, content, yank: null });
  }

  yank(record, { version }) {
    const release = this.releases.get(version);
    if (release === undefined) throw new Failure('YankOfUnreleased', `an entry attempted to yank version ${version} which had not yet been released`);
    if (release.yank !== null) throw new Failure('YankOfYanked', `an entry attempted to yank version ${version} which is already yanked`);
    this.releases.put(version, { ...release, content: null, yank: { by: record.envelope.keyId, time: record.time, content: release.content } });
  }
}

// OperatorLog is the state of the operator log. namespaces has, by name, {name, registry};
// registry is null for one of this registry, or whose it is if it is imported. committers
// has, by id, the keys to which the log has ever given commit.
export class OperatorLog extends Log {
  namespaces = new Ledger();
  committers = new Ledger();

  constructor() {
    super('operator', OPERATOR_RECORD);
  }

  ledgers() {
    return [...super.ledgers(), this.namespaces, this.committers];
  }

  apply(record, entry) {
    const signer = record.envelope.keyId;
    switch (entry.type) {
      case 'init':
        if (this.initialized) throw this.secondInit();
        this.committers.put(entry.key.id, entry.key);
        return this.init(signer, entry.key, OPERATOR_PERMISSIONS);
      case 'define':
        return this.define(signer, 'defineNamespace', entry.namespace, null);
      case 'import':
        return this.define(signer, 'importNamespace', entry.namespace, entry.registry);
    }
    this.demand(signer, 'commit');
    if (entry.type === 'revoke') return this.revoke(signer, entry);
    this.grant(signer, entry);
    if (entry.permissions.includes('commit')) this.committers.put(entry.key.id, entry.key);
  }

  define(signer, needed, name, registry) {
    this.demand(signer, needed);
    if (!isNamespace(name)) throw new Failure('InvalidNamespace', `the namespace \`${name}\` is invalid; namespace must be a lowercased kebab case string`);
    if (this.namespaces.has(name)) throw new Failure('NamespaceAlreadyDefined', `the namespace \`${name}\` is already defined and cannot be redefined`);
    this.namespaces.put(name, { name, registry });
  }

  // checkpointSigners are the ids of the keys that may sign checkpoints.
  checkpointSigners() {
    return [...this.permissions].filter(([, held]) => held.includes('commit')).map(([id]) => id);
  }
}

// Verifies a package of a registry, step by step, and believes nothing that can be checked.
import { checkpointText, isSignedBy, sameRoots } from './checkpoint.js';
import { Failure } from './failure.js';
import { operatorLogId, packageLogId, parseHash, parseName } from './hash.js';
import { LogBundle, MAX_LOG_LENGTH } from './logproof.js';
import { MapBundle } from './mapproof.js';
import { browserStore, recall, remember } from './memory.js';
import { checkNote } from './notecheck.js';
import { checkRelease } from './release.js';
import { operatorView, packageView, readLogs } from './replay.js';
import { APIError, Registry } from './registry.js';
import { Steps, warning, none } from './steps.js';
import { readStatements } from './statements.js';

const maxFuture = 300; // seconds that a registry's clock may be ahead
const old = 86_400; // seconds; a registry of this project signs anew every few minutes

const plural = (n, word) => `${n} ${word}${Number(n) === 1 ? '' : 's'}`;
export const timeText = (seconds) => new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z');

/**
 * verifyPackage verifies a package, and what its registry says of it.
 *
 * @param {object} options
 * @param {string} options.registry URL of the registry
 * @param {string} options.package "<namespace>:<name>"
 * @param {string} [options.version] a release to say more of
 * @param {string} [options.token] for a private registry; it is kept nowhere
 * @param {string} [options.operatorKey] the key that the operator log must begin with, as
 *   text; otherwise it is the one that was seen first
 * @param {string[]} [options.witnesses] public keys of witnesses that must have cosigned
 * @param {object|null} [options.store] see memory.js; null remembers nothing
 * @param {typeof fetch} [options.fetch]
 * @param {() => number} [options.now] milliseconds since 1970
 * @param {(step) => void} [options.onStep] gets each step when it begins and ends
 * @param {AbortSignal} [options.signal]
 * @returns {Promise<Report>} verdict is "verified", "failed", or "absent" if the registry
 *   says that it has no such package, which nobody can prove; steps as steps.js says;
 *   releases of the package; conflict, if the registry contradicts what this browser saw,
 *   has both signed checkpoints.
 */
export async function verifyPackage(options) {
  let check = new Check(options);
  await check.run();
  // A package, or the operator's next key, may have come after the checkpoint was fetched.
  if (check.steps.absent('package-log') || check.steps.list.some((s) => s.reason === 'withheld-key')) {
    check = new Check(options);
    await check.run();
  }
  return check.report();
}

class Check {
  known = null; // what is remembered
  checkpoint = null;
  operator = null; // View
  pkg = null; // View
  vkey = '';
  chain = null; // of statements on content
  conflict = null;

  constructor(options) {
    const { store = browserStore(), now = Date.now, witnesses = [], operatorKey = '', version = '' } = options;
    Object.assign(this, { store, now, witnesses, operatorKey, version });
    this.text = options.package;
    this.registry = new Registry(options.registry, options);
    this.steps = new Steps(options.onStep);
  }

  async run() {
    const step = (id, title, needs, check) => this.steps.run(id, title, needs, check.bind(this));
    await step('browser', 'This browser can verify', [], this.checkBrowser);
    await step('checkpoint', 'The newest checkpoint is well formed, and of today', ['browser'], this.checkCheckpoint);
    await step('operator-log', 'The operator’s log follows the rules, record by record', ['checkpoint'], this.checkOperatorLog);
    await step('signature', 'The checkpoint is signed by a key that may sign it', ['operator-log'], this.checkSignature);
    await step('consistency', 'The log grew from the one that this browser saw before', ['signature'], this.checkConsistency);
    await step('package-log', 'The package’s log follows the rules, record by record', ['operator-log'], this.checkPackageLog);
    await step('inclusion', 'The heads of these logs are in the registry’s log', ['signature'], this.checkInclusion);
    await step('heads', 'The registry’s map says that they are the heads', ['inclusion'], this.checkHeads);
    await step('note', 'The registry’s log is signed as a note, too', ['signature'], this.checkNote);
    await step('withheld', 'What the operator withholds is signed', ['heads'], this.checkWithheld);
    await step('release', 'Releases', ['package-log', 'heads', 'withheld'], this.checkReleases);
    const needed = this.steps.list.map((s) => s.id).filter((id) => id !== 'release' && !this.steps.absent(id));
    await step('remembered', 'What was verified is remembered', needed, this.remember);
  }

  report() {
    const steps = this.steps.list;
    const bad = steps.some((s) => s.status === 'failed');
    const absent = this.steps.absent('package-log');
    return {
      verdict: bad ? 'failed' : absent ? 'absent' : 'verified',
      package: this.text, version: this.version, steps, conflict: this.conflict,
      checkpoint: this.checkpoint, registry: this.registry,
      releases: this.pkg ? [...this.pkg.log.releases.values()] : [],
      withheld: this.chain?.inForce ?? new Map(),
    };
  }

  async checkBrowser() {
    if (!globalThis.crypto?.subtle) throw new Failure('no-webcrypto', 'this browser gives WebCrypto to pages by https or from localhost only: open the registry by https');
    this.name = parseName(this.text);
    this.logId = await packageLogId(this.name.text);
    if (this.store === null) return warning('no-memory', 'it keeps nothing for pages, so a registry that goes back can not be noticed the next time');
    this.known = recall(this.store, this.registry.url);
    return 'it has WebCrypto, and remembers what it saw';
  }

  async checkCheckpoint() {
    const c = (this.checkpoint = await this.registry.checkpoint());
    [this.logRoot, this.mapRoot] = [parseHash(c.logRoot), parseHash(c.mapRoot)];
    if (c.logLength < 1n || c.logLength > MAX_LOG_LENGTH) throw new Failure('range', `its log has ${c.logLength} records: proofs speak of 1 to ${MAX_LOG_LENGTH}`);
    const age = BigInt(Math.floor(this.now() / 1000)) - c.timestamp;
    if (age < -BigInt(maxFuture)) throw new Failure('from-future', `it is signed for a time that has not come, ${c.timestamp} s after 1970 began: its clock or that of this device is wrong`);
    const text = `log of ${plural(c.logLength, 'record')}, signed ${timeText(c.timestamp)}`;
    if (age > BigInt(old)) return warning('old-checkpoint', `${text}, ${age / 86400n} days ago: newer records may be held back`);
    return text;
  }

  async checkOperatorLog() {
    const view = (this.operator = operatorView(await operatorLogId()));
    await readLogs(this.registry, this.checkpoint.logLength, view, null);
    if (view.first === null) throw new Failure('records-missing', 'the registry gives no record of the operator’s log');
    const { key } = view.first.entries[0];
    // The protocol lets anybody sign an init with somebody's key in it.
    if (key.id !== view.first.envelope.keyId) throw new Failure('operator-key', `the log begins with key ${key.id}, but is signed by ${view.first.envelope.keyId}`);
    this.beginsWith = key;
    if (this.operatorKey !== '' && this.operatorKey !== key.text) throw new Failure('operator-key', `the log begins with key ${key.text}, not with the expected ${this.operatorKey}`);
    if (this.known !== null && this.known.origin !== view.first.id) {
      this.#conflict();
      throw new Failure('other-operator', `the log begins with another record than this browser saw before, ${view.first.id} in place of ${this.known.origin}: this is not the registry that it was`);
    }
    this.#demandKnown(view, this.known?.operator);
    const { namespaces } = view.log;
    return `${plural(view.count, 'record')}, ${plural(view.log.checkpointSigners().length, 'key')} that may sign checkpoints, ${plural(namespaces.size, 'namespace')}; it begins with key ${key.text}`;
  }

  // demandKnown demands the head that is remembered of a log.
  #demandKnown(view, seen) {
    if (!seen || view.indexes.get(seen.head) === seen.index) return;
    this.#conflict();
    throw new Failure('record-gone', `the log lacks record ${seen.head} at index ${seen.index}, which this browser saw in it`);
  }

  async checkSignature() {
    const { keyId } = this.checkpoint;
    const key = this.operator.log.keys.get(keyId);
    if (key === undefined) throw new Failure('checkpoint-key', `it is signed by key ${keyId}, which the operator’s log does not have`);
    if (!this.operator.log.held(keyId).includes('commit')) throw new Failure('checkpoint-key', `the operator’s log does not permit key ${keyId} to sign checkpoints`);
    if (!(await isSignedBy(this.checkpoint, key))) throw new Failure('SignatureError', `the signature is not one by key ${keyId}`);
    return `by key ${key.text}`;
  }

  async checkConsistency() {
    if (this.store === null) return warning('no-memory', 'this browser keeps nothing, so there is nothing to compare with');
    if (this.known === null) return 'this browser sees this registry for the first time: from here on it knows it';
    await this.#demandConsistent(this.known.checkpoint, this.checkpoint, true);
    const { logLength, timestamp } = this.known.checkpoint;
    return `from ${plural(logLength, 'record')}, seen in the checkpoint of ${timeText(timestamp)}, to ${this.checkpoint.logLength}`;
  }

  // demandConsistent demands that a log is a prefix of a later one. seen says that the first
  // is remembered and the second shown, so that what contradicts is kept as evidence.
  async #demandConsistent(from, to, seen) {
    try {
      if (to.logLength < from.logLength) throw new Failure('rewound', `the registry shows a log of ${plural(to.logLength, 'record')}, and this browser has seen one of ${from.logLength}: records were taken back`);
      if (to.logLength === from.logLength && !sameRoots(from, to)) throw new Failure('forked', `the registry has signed two checkpoints of length ${to.logLength} with different roots: it shows different logs`);
      if (to.logLength === from.logLength) return;
      await this.#proveExtends(from.logLength, parseHash(from.logRoot), to.logLength, parseHash(to.logRoot));
    } catch (error) {
      if (seen && error.reason !== 'no-answer' && error.reason !== 'stopped') this.#conflict();
      if (error instanceof Failure && !['rewound', 'forked', 'no-answer', 'stopped', 'token'].includes(error.reason)) {
        throw new Failure('forked', `the registry does not prove that its log grew from the one of ${plural(from.logLength, 'record')} that this browser saw: ${error.message}`);
      }
      throw error;
    }
  }

  async #proveExtends(from, fromRoot, to, toRoot) {
    const bundle = LogBundle.decode(await this.registry.consistency(from, to));
    await bundle.verifyConsistency(from, to, fromRoot, toRoot);
  }

  #conflict() {
    this.conflict = { seen: checkpointText(this.known.checkpoint), shown: checkpointText(this.checkpoint) };
  }

  async checkPackageLog() {
    const { name, known } = this;
    const namespace = this.operator.log.namespaces.get(name.namespace);
    const pkg = packageView(this.logId);
    const records = this.operator.count;
    try {
      await readLogs(this.registry, this.checkpoint.logLength, this.operator, pkg);
    } catch (error) {
      if (!(error instanceof APIError && error.entity === 'log')) throw error;
    }
    if (this.operator.count !== records) throw new Failure('other-log', 'the registry gives more records of the operator’s log than it did a moment ago, under the same checkpoint');
    const seen = known?.packages.get(this.logId);
    if (pkg.first === null && seen) {
      this.#conflict();
      throw new Failure('package-gone', `the registry says that it has no package ${name.text}, which this browser saw`);
    }
    if (namespace?.registry != null) return warning('imported', `the namespace ${name.namespace} is that of another registry, ${namespace.registry}: verify the package there`);
    if (pkg.first === null) return warning('no-such-package', `the registry says that it has no package ${name.text}${namespace ? '' : `, and no namespace ${name.namespace}`}; that there is none can not be proved`);
    if (!namespace) throw new Failure('namespace-undefined', `the operator’s log does not define the namespace ${name.namespace}`);
    this.#demandKnown(pkg, seen);
    this.pkg = pkg;
    return `${plural(pkg.count, 'record')}, ${plural(pkg.log.keys.size, 'key')}, ${plural(pkg.log.releases.size, 'release')}`;
  }

  async checkInclusion() {
    const { logLength } = this.checkpoint;
    const views = [this.operator, ...(this.pkg ? [this.pkg] : [])];
    const answer = await this.registry.inclusion(logLength, views.map((v) => v.index));
    this.mapBundle = answer.map;
    const leaves = await Promise.all(views.map((v) => v.leaf()));
    await LogBundle.decode(answer.log).verifyInclusion(logLength, this.logRoot, leaves);
    return `at ${views.map((v) => `index ${v.index}`).join(' and ')} of ${logLength}`;
  }

  async checkHeads() {
    const views = [this.operator, ...(this.pkg ? [this.pkg] : [])];
    await MapBundle.decode(this.mapBundle).verify(this.mapRoot, views.map((v) => ({ logId: v.id, recordId: v.head })));
    return 'so no newer record of them is left out';
  }

  async checkNote() {
    const { known, witnesses, checkpoint } = this;
    const extends_ = (from, fromRoot, to, toRoot) => this.#proveExtends(from, fromRoot, to, toRoot);
    const { vkey, outcome } = await checkNote(this.registry, { length: checkpoint.logLength, root: this.logRoot }, known?.vkey ?? '', witnesses, extends_);
    this.vkey = vkey;
    return outcome;
  }

  async checkWithheld() {
    this.chain = await readStatements(this.registry, this.operator, this.known?.withheld);
    if (this.chain === null) return none('no-list', 'this registry has no list of what it withholds');
    const n = this.chain.inForce.size;
    return n === 0 ? 'it withholds nothing' : `${plural(n, 'content')} withheld, in ${plural(this.chain.next, 'statement')}`;
  }

  async checkReleases() {
    return checkRelease(this.pkg.log, this.chain?.inForce ?? new Map(), this.version);
  }

  async remember() {
    if (this.store === null) return warning('no-memory', 'this browser keeps nothing');
    for (;;) {
      const other = remember(this.store, this.registry.url, this.known, this.#verified());
      if (other === null) return `the checkpoint of ${plural(this.checkpoint.logLength, 'record')}, and the heads of these logs`;
      // Another tab has kept something meanwhile: both must fit, and the longer log stays.
      this.known = other;
      const [from, to] = this.#isBehind() ? [this.checkpoint, other.checkpoint] : [other.checkpoint, this.checkpoint];
      await this.#demandConsistent(from, to, true);
    }
  }

  // isBehind tells whether what is remembered has seen more than this check.
  #isBehind() {
    return this.known !== null && this.known.checkpoint.logLength > this.checkpoint.logLength;
  }

  #verified() {
    const { known, operator, pkg, chain } = this;
    const packages = new Map(known?.packages ?? []);
    if (pkg && !(packages.get(this.logId)?.index > pkg.index)) {
      packages.delete(this.logId); // comes last: those that were seen last are kept
      packages.set(this.logId, { head: pkg.head, index: pkg.index });
    }
    if (this.#isBehind()) return { ...known, packages };
    const statements = chain ? { length: chain.next, head: chain.head } : { length: 0n, head: operator.first.id };
    return {
      checkpoint: this.checkpoint, origin: operator.first.id, operatorKey: this.beginsWith.text, packages,
      operator: { head: operator.head, index: operator.index }, vkey: this.vkey,
      withheld: known?.withheld.length > statements.length ? known.withheld : statements,
    };
  }
}

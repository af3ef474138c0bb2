// Reads logs from a registry and replays them, record by record. The models are
// warg/client's logs.go and state.go.
import { Failure } from './failure.js';
import { leafHash } from './hash.js';
import { OperatorLog, PackageLog } from './logs.js';
import { parseOperatorRecord, parsePackageRecord } from './records.js';
import { APIError } from './registry.js';

// Bounds of one log: how many records are read, and how many bytes they have.
const maxRecords = 100_000;
const maxBytes = 256 << 20;

// View is a log as far as it was read.
class View {
  token = null; // asks for what follows the head
  index = -1n; // of the head in the registry's log
  count = 0;
  bytes = 0;
  first = null; // the first record
  indexes = new Map(); // by record id

  constructor(id, log, parse) {
    Object.assign(this, { id, log, parse });
  }

  get head() {
    return this.log.head?.id ?? null;
  }

  // leaf is the head as it stands in the registry's log.
  async leaf() {
    return { index: this.index, hash: await leafHash(this.id, this.head) };
  }

  async extend({ envelope, index, fetchToken }, length) {
    this.bytes += envelope.content.length;
    if (++this.count > maxRecords || this.bytes > maxBytes) throw new Failure('too-large', `the log has more than ${maxRecords} records, or ${maxBytes} bytes: this page reads no more; warg verify does`);
    if (index <= this.index) throw new Failure('record-order', `the record at index ${index} does not come after the one before it, at ${this.index}`);
    if (index >= length) throw new Failure('record-order', `the record at index ${index} is not in the log of the checkpoint, which has length ${length}`);
    if (fetchToken === '') throw new Failure('malformed', `the record at index ${index} has no fetch token`);
    let record;
    try {
      record = await this.parse(envelope);
      await this.log.append(record);
    } catch (error) {
      if (error instanceof Failure) throw new Failure(error.reason, `record ${this.count} of the log, at index ${index}, is not valid: ${error.message}`);
      throw error;
    }
    this.first ??= record;
    this.indexes.set(record.id, index);
    Object.assign(this, { index, token: fetchToken });
  }
}

// operatorView and packageView are logs of which nothing was read.
export const operatorView = (id) => new View(id, new OperatorLog(), parseOperatorRecord);
export const packageView = (id) => new View(id, new PackageLog(), parsePackageRecord);

/**
 * readLogs reads the operator log on and, unless it is null, a package log, as of the
 * checkpoint with that length. That there are no more records, and that these are the
 * registry's, is left to be proved.
 */
export async function readLogs(registry, length, operator, pkg) {
  for (;;) {
    const answer = await ask(registry, length, operator, pkg);
    let came = answer.operator.length;
    for (const record of answer.operator) await operator.extend(record, length);
    for (const { logId, records } of answer.packages) {
      if (logId !== pkg?.id) throw new Failure('other-log', `the answer has records of log ${logId}, which was not asked for`);
      came += records.length;
      for (const record of records) await pkg.extend(record, length);
    }
    if (!answer.more) return;
    if (came === 0) throw new Failure('records-missing', 'the registry says that there are more records, and gives none');
  }
}

async function ask(registry, length, operator, pkg) {
  try {
    return await registry.records(length, operator.token, pkg?.id ?? null, pkg?.token ?? null);
  } catch (error) {
    // A registry that does not know the place of a record which it has given denies it.
    if (error instanceof APIError && error.entity === 'fetchToken') {
      throw new Failure('records-missing', 'the registry gave a record, and does not know it any more');
    }
    throw error;
  }
}

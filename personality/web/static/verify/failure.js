// Failure says why something does not hold. Its reason is a short name that does not
// change; its message is for people.
export class Failure extends Error {
  /**
   * @param {string} reason such as "malformed", "root-mismatch", or a rule of a log such
   *   as "SignatureError" (the names of the reference's ValidationError)
   * @param {string} message
   */
  constructor(reason, message) {
    super(message);
    this.name = 'Failure';
    this.reason = reason;
  }
}

// malformed is the failure of what can not be read.
export function malformed(message) {
  return new Failure('malformed', message);
}

// Steps of a verification, and what came of each.
import { Failure } from './failure.js';

/**
 * A step is {id, title, status, reason, text}. Its status is one of
 *   running
 *   ok        it holds
 *   warning   nothing is wrong, but people should know: reason and text say what
 *   none      the registry does not offer what would be verified
 *   failed    it does not hold: reason is a short name, text says exactly why
 *   skipped   a step that it needs did not come to an end
 */
export class Steps {
  list = [];

  constructor(onStep = () => {}) {
    this.onStep = onStep;
  }

  /**
   * run runs a step, if those that it needs hold.
   * @param {string[]} needs ids of steps
   * @param {() => Promise<string | {status, reason, text}>} check returns what to say
   */
  async run(id, title, needs, check) {
    const step = { id, title, status: 'running', reason: '', text: '' };
    this.list.push(step);
    this.onStep(step);
    const missing = needs.find((need) => !this.holds(need));
    if (missing !== undefined) {
      const title = this.list.find((s) => s.id === missing)?.title ?? missing;
      Object.assign(step, { status: 'skipped', reason: 'skipped', text: `it needs “${title}”` });
    } else {
      Object.assign(step, await outcome(check));
    }
    this.onStep(step);
    return step;
  }

  holds(id) {
    return ['ok', 'warning', 'none'].includes(this.list.find((s) => s.id === id)?.status) && !this.absent(id);
  }

  // absent tells whether a step found that there is nothing to go on with.
  absent(id) {
    return ['no-such-package', 'imported'].includes(this.list.find((s) => s.id === id)?.reason);
  }
}

// outcome runs a check, and turns what it throws into what to say.
export async function outcome(check) {
  try {
    const found = await check();
    return typeof found === 'string' ? { status: 'ok', reason: '', text: found } : found;
  } catch (error) {
    if (error instanceof Failure) return { status: 'failed', reason: error.reason, text: error.message };
    return { status: 'failed', reason: 'internal', text: `this page failed, not the registry: ${error.message}` };
  }
}

export const warning = (reason, text) => ({ status: 'warning', reason, text });
export const none = (reason, text) => ({ status: 'none', reason, text });

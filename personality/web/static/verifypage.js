// The page /verify: shows what verify.js finds. Whatever comes from the registry becomes
// text, never HTML.
import { browserStore, checkContent, dateOf, forget, identify, stateOf, verifyPackage } from './verify.js';

const page = document.querySelector('[data-verify]');
const part = (name) => page.querySelector(`[data-verify-${name}]`);
const field = (name) => page.querySelector(`#verify-${name}`);
const registry = new URL(page.dataset.registry, location.href).href;

const marks = { running: '…', ok: '✓', warning: '!', none: '–', failed: '✗', skipped: '·' };
const words = { running: 'is being checked', ok: 'holds', warning: 'holds, but', none: 'not offered', failed: 'does not hold', skipped: 'not reached' };
// What would hide or change the text around it, such as marks of direction, is shown as it is named.
const stray = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const visible = (text) => text.replace(stray, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

let report = null; // of the package that is shown
let running = null; // AbortController
let listed = new Map(); // elements of steps by id

function element(name, className, ...children) {
  const e = document.createElement(name);
  e.className = className;
  e.append(...children.map((c) => (typeof c === 'string' ? visible(c) : c)));
  return e;
}

// showStep shows a step in the place that it has.
function showStep(step) {
  const mark = element('span', 'verify-mark', marks[step.status]);
  mark.setAttribute('aria-hidden', 'true');
  const title = element('span', 'verify-title', step.title);
  const status = element('span', 'verify-status', ` ${words[step.status]}`);
  const text = element('span', 'verify-text', step.text);
  const item = element('li', `verify-step verify-${step.status}`, mark, ' ', title, ':', status, step.text ? ' – ' : '', text);
  item.dataset.step = step.id;
  item.dataset.status = step.status;
  item.dataset.reason = step.reason;
  const old = listed.get(step.id);
  if (old) old.replaceWith(item);
  else part('steps').append(item);
  listed.set(step.id, item);
}

const verdicts = {
  verified: (r) => `All of it holds: ${r.package} is what its authors signed and the registry’s log has.`,
  absent: (r) => `There is nothing to verify: see the step on the log of ${r.package}.`,
  failed: (r) => failure(r, r.steps.find((s) => s.status === 'failed')),
};

// Reasons for which nothing was verified, and that are no registry's lie.
const unable = ['token', 'no-answer', 'stopped', 'internal', 'memory-damaged', 'memory-full'];

function failure(r, step) {
  if (step.id === 'browser' || unable.includes(step.reason)) return `${r.package} could not be verified: ${step.text}`;
  return `Do not trust what this registry says of ${r.package}. This does not hold: “${step.title}”.`;
}

function showReport() {
  const verdict = part('verdict');
  verdict.dataset.verdict = report.verdict;
  verdict.textContent = visible(verdicts[report.verdict](report));
  page.setAttribute('aria-busy', 'false');
  part('file').hidden = report.verdict !== 'verified';
  part('download-row').hidden = !report.releases.some((r) => r.version === report.version);
  part('token-row').hidden = part('token-row').hidden && !report.steps.some((s) => s.reason === 'token');
  if (!part('token-row').hidden && field('token').value === '') field('token').focus();
  showConflict(report.conflict);
  showReleases();
}

// showConflict keeps what a registry has signed against itself.
function showConflict(conflict) {
  if (!conflict) return;
  const evidence = element('pre', 'verify-evidence', '');
  evidence.tabIndex = 0;
  evidence.textContent = `seen before: ${visible(conflict.seen)}\nshown now:   ${visible(conflict.shown)}`;
  part('alarm').append(
    element('strong', '', 'The registry contradicts what this browser saw before.'),
    element('p', '', 'It may have taken records back, or show different logs to different people. This browser keeps what it saw. Do not install from it; ask its operator, and keep both signed checkpoints as evidence:'),
    evidence,
  );
}

function showReleases() {
  part('releases-part').hidden = report.releases.length === 0 || report.verdict !== 'verified';
  const shown = report.releases.slice(-1000).reverse();
  part('releases').replaceChildren(...shown.map((release) => {
    const { state, text } = stateOf(release, report.withheld);
    const item = element('li', `verify-release verify-${state}`, text);
    item.dataset.state = state;
    item.dataset.version = release.version;
    item.title = dateOf(release.time);
    return item;
  }));
}

async function verify() {
  running?.abort();
  const controller = (running = new AbortController());
  report = null;
  listed = new Map();
  for (const name of ['steps', 'alarm', 'releases']) part(name).replaceChildren();
  for (const name of ['file-result', 'download-result', 'forgotten']) showResult(name, { status: '', reason: '', text: '' });
  for (const name of ['file', 'releases-part']) part(name).hidden = true;
  part('verdict').textContent = 'Verifying…';
  delete part('verdict').dataset.verdict;
  page.setAttribute('aria-busy', 'true');
  const found = await verifyPackage({
    registry, package: field('package').value.trim(), version: field('version').value.trim(), token: field('token').value.trim(),
    operatorKey: field('operator-key').value.trim(),
    witnesses: field('witnesses').value.split('\n').map((line) => line.trim()).filter((line) => line !== ''),
    onStep: (step) => running === controller && showStep(step), signal: controller.signal,
  });
  if (running !== controller) return; // another package was asked for meanwhile
  report = found;
  showReport();
}

function showResult(name, { status, reason, text }) {
  const result = part(name);
  result.className = `verify-result verify-${status}`;
  result.dataset.status = status;
  result.dataset.reason = reason;
  result.textContent = text === '' ? '' : `${marks[status] ?? ''} ${visible(text)}`;
}

async function showFile(file) {
  if (!file || !report) return;
  const of = report;
  showResult('file-result', { status: 'running', reason: '', text: `hashing ${file.name}` });
  const found = await identify(of, file);
  if (of === report) showResult('file-result', found);
}

async function download() {
  const of = report;
  showResult('download-result', { status: 'running', reason: '', text: 'fetching' });
  const found = await checkContent(of, of.version);
  if (of === report) showResult('download-result', found);
}

function forgetAll() {
  const store = browserStore();
  if (!store || !confirm('A registry that goes back, or forks, is not noticed the next time if this browser forgets it. Forget it?')) return;
  forget(store, registry);
  showResult('forgotten', { status: 'ok', reason: '', text: 'forgotten' });
}

// rememberInURL makes the address one that can be handed on; it never has the token.
function rememberInURL() {
  const url = new URL(location.href);
  for (const name of ['package', 'version']) {
    const value = field(name).value.trim();
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(null, '', url);
}

function start() {
  const asked = new URL(location.href).searchParams;
  field('package').value = asked.get('package') ?? '';
  field('version').value = asked.get('version') ?? '';
  part('form').hidden = false;
  part('forget-row').hidden = false;
  part('form').addEventListener('submit', (event) => {
    event.preventDefault();
    rememberInURL();
    verify();
  });
  field('file').addEventListener('change', () => showFile(field('file').files[0]));
  const drop = part('drop');
  for (const type of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle('verify-over', type === 'dragenter' || type === 'dragover');
      if (type === 'drop') showFile(event.dataTransfer.files[0]);
    });
  }
  part('download').addEventListener('click', download);
  part('forget').addEventListener('click', forgetAll);
  if (field('package').value !== '') verify();
}

start();

/** Messages in place of what could not be shown, with what one can do about it. */

import { el } from '../dom.js';

/** A title, a sentence and buttons. */
export function message(title, text, ...actions) {
  return el('div', { class: 'message' }, el('h3', {}, title), text ? el('p', {}, ...sentence(text)) : null, ...actions);
}

/** A button of a message. */
export const actionButton = (text, onclick) => el('button', { type: 'button', class: 'go', onclick }, text);

/**
 * A problem in plain words; one that may pass can be tried again, after the wait that the service asked for.
 * @param {import('../api.js').Problem} problem
 * @param {() => void} onretry
 */
export function problemMessage(problem, onretry) {
  const actions = [];
  if (problem.needsIndex && !problem.detail.includes('build-vector-index')) {
    const [first, second] = ['embed-new-jobs', 'build-vector-index'].map((name) => el('code', {}, name));
    actions.push(el('p', {}, 'What to do: run ', first, ', then ', second, ', and try again.'));
  }
  if (problem.retryable || problem.needsIndex) actions.push(retryButton(problem.retryAfter, onretry));
  return message(problem.title, problem.detail, ...actions);
}

/** Words of the service as a sentence; what it puts between backticks is the name of a program. */
function sentence(text) {
  const ended = `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
  return ended.split('`').map((part, i) => (i % 2 ? el('code', {}, part) : part));
}

function retryButton(seconds, onretry) {
  const button = /** @type {HTMLButtonElement} */ (actionButton('Try again', onretry));
  const wait = (left) => {
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Try again in ${left} s` : 'Try again';
    if (left > 0) setTimeout(wait, 1000, left - 1);
  };
  wait(Math.min(60, Math.ceil(seconds ?? 0)));
  return button;
}

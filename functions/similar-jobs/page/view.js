/**
 * What the page shows: elements, numbers and dates in words, ads as cards, and the theme.
 *
 * Ads are written by strangers. Nothing here or elsewhere parses them as HTML: text enters as text nodes, links only
 * after `webUrl`.
 */

/** Makes an element: functions become listeners (`onclick`), other members attributes, strings text nodes. */
export function el(tag, members = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(members)) {
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child != null && child !== false && child !== ''));
  return node;
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** English, with days before months and the market's own currency. */
const LOCALE = 'en-SG';

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const day = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const score = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** 12345 as "12,345". */
export const number = (value) => whole.format(value);

/** A number and its noun: "1 ad", "2 ads". */
export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? '' : 's'}`;

/** A duration in milliseconds, to a tenth while that says something. */
export const took = (ms) => `${new Intl.NumberFormat(LOCALE, { maximumFractionDigits: ms < 10 ? 1 : 0 }).format(ms)} ms`;

/** A moment as a day; nothing for what is not one. */
export function date(moment) {
  const at = new Date(moment ?? NaN);
  return Number.isNaN(at.getTime()) ? null : day.format(at);
}

/** A range of salaries in the ad's currency; nothing where neither end is known. */
export function salary(min, max, currency) {
  if (min == null && max == null) return null;
  const format = money(currency?.trim() || 'SGD');
  if (min == null) return `up to ${format.format(max)} a month`;
  if (max == null) return `from ${format.format(min)} a month`;
  return `${min === max ? format.format(min) : format.formatRange(Math.min(min, max), Math.max(min, max))} a month`;
}

/** Boards write currencies as they please: what is no currency code is shown as it is, before the amount. */
function money(currency) {
  const options = { maximumFractionDigits: 0 };
  try {
    return new Intl.NumberFormat(LOCALE, { ...options, style: 'currency', currencyDisplay: 'code', currency });
  } catch {
    const plain = new Intl.NumberFormat(LOCALE, options);
    const named = (amount) => `${currency} ${amount}`;
    return { format: (amount) => named(plain.format(amount)), formatRange: (from, to) => named(plain.formatRange(from, to)) };
  }
}

/** The URL if it leads to the web; nothing for `javascript:`, `data:` and what is no URL. */
export function webUrl(text) {
  const url = URL.canParse(text ?? '') ? new URL(text) : null;
  return url && /^https?:$/.test(url.protocol) ? url.href : null;
}

/** What an ad is called, even when its board left that out. */
export const titleOf = (ad) => ad.job_title?.trim() || 'Untitled ad';

/** What names an ad across answers; a space is in neither part's way, as only equality matters. */
export const keyOf = (ad) => `${ad.source} ${ad.job_id}`;

/** The title, as a link where the ad has an address on the web. */
function titleLink(ad) {
  const href = webUrl(ad.job_url);
  if (!href) return titleOf(ad);
  return el('a', { href, target: '_blank', rel: 'noopener noreferrer' }, titleOf(ad), el('span', { class: 'unseen' }, ' (opens the ad in a new tab)'));
}

/** Facts of an ad in two lines: where and what, then pay and age. */
function facts(ad) {
  const line = (name, items) => {
    const known = items.filter(Boolean);
    return known.length ? el('p', { class: name }, ...known.map((item) => el('span', {}, item))) : null;
  };
  const posted = date(ad.posted);
  return [
    line('where', [ad.company_name, ad.job_location, ad.job_classification, ad.job_work_type]),
    line('terms', [
      salary(ad.salary_min_per_month, ad.salary_max_per_month, ad.currency),
      posted && `Posted ${posted}`,
      ad.source && `on ${ad.source}`,
      ad.reposts ? count(ad.reposts, 'repost') : null,
    ]),
  ].filter(Boolean);
}

/** Similarity as a number and a bar; the bar shows 0..1, as below 0 there is nothing alike to show. */
function similarity(value) {
  if (value == null) return null;
  const fill = el('span', { class: 'bar-fill' });
  fill.style.width = `${Math.max(0, Math.min(1, value)) * 100}%`;
  return el('p', { class: 'score' }, el('span', { class: 'unseen' }, 'Similarity '), el('span', {}, score.format(value)), el('span', { class: 'bar-track', 'aria-hidden': 'true' }, fill));
}

/** One result. */
export function resultCard(ad, { onlike, onhover }) {
  const why = (ad.why ?? []).map((reason) => reason.text).filter(Boolean);
  return el('li', { class: 'card', 'data-key': keyOf(ad), onpointerenter: () => onhover(ad), onpointerleave: () => onhover(null) },
    el('span', { class: 'rank', 'aria-hidden': 'true' }, number(ad.rank)),
    el('h3', {}, titleLink(ad)),
    similarity(ad.score),
    ...facts(ad),
    el('div', { class: 'card-foot' },
      why.length ? el('ul', { class: 'why', 'aria-label': 'Why it is similar' }, ...why.map((text) => el('li', {}, text))) : null,
      el('button', { type: 'button', class: 'quiet like', 'aria-label': `More like this: ${titleOf(ad)}`, onclick: () => onlike(ad) }, 'More like this')));
}

/** The ad that the results are similar to. */
export function startCard(ad, onclear) {
  return el('article', { class: 'start', 'aria-label': 'The ad started from' },
    el('div', {}, el('p', { class: 'start-label' }, 'Started from'), el('h3', {}, titleLink(ad)), ...facts(ad)),
    el('button', { type: 'button', class: 'icon', 'aria-label': 'Start over', title: 'Start over', onclick: onclear }, '×'));
}

/** Grey cards of about a result's height, so that results do not push the page around when they come. */
export function skeletons(many) {
  const bone = (name) => el('span', { class: `bone ${name}` });
  return el('ul', { class: 'cards', 'aria-hidden': 'true' },
    ...Array.from({ length: many }, () => el('li', { class: 'card' }, bone('bone-rank'), el('div', {}, bone('bone-title'), bone('bone-line'), bone('bone-short')))));
}

/** A titled message with what one can do about it. */
export function message(title, text, ...actions) {
  return el('div', { class: 'message' }, el('h3', {}, title), text ? el('p', {}, ...sentence(text)) : null, ...actions);
}

/** Words of the service as a sentence; what it puts between backticks is the name of a program. */
function sentence(text) {
  const parts = `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`.split('`');
  return parts.map((part, i) => (i % 2 ? el('code', {}, part) : part));
}

/** A problem in plain words; what may pass can be tried again, after the wait that the service asked for. */
export function problemMessage(problem, onretry) {
  const actions = [];
  if (problem.needsIndex && !problem.detail.includes('build-vector-index')) {
    actions.push(el('p', {}, 'What to do: run ', el('code', {}, 'embed-new-jobs'), ', then ', el('code', {}, 'build-vector-index'), ', and try again.'));
  }
  if (problem.retryable || problem.needsIndex) actions.push(retryButton(problem.retryAfter, onretry));
  return message(problem.title, problem.detail, ...actions);
}

function retryButton(seconds, onretry) {
  const button = el('button', { type: 'button', class: 'go', onclick: onretry }, 'Try again');
  const wait = (left) => {
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Try again in ${left} s` : 'Try again';
    if (left > 0) setTimeout(wait, 1000, left - 1);
  };
  wait(Math.min(60, Math.ceil(seconds ?? 0)));
  return button;
}

/** Light or dark: the system's wish, or the reader's own, which is remembered only while it differs. */
export function bindTheme(changed) {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const systems = () => (system.matches ? 'dark' : 'light');
  let own = null;
  try { own = localStorage.getItem('theme'); } catch { /* storage may be switched off: the system's theme then */ }
  const apply = () => {
    const theme = own ?? systems();
    document.documentElement.dataset.theme = theme;
    byId('theme').setAttribute('aria-label', `Switch to the ${theme === 'dark' ? 'light' : 'dark'} theme`);
    changed();
  };
  byId('theme').addEventListener('click', () => {
    const next = (own ?? systems()) === 'dark' ? 'light' : 'dark';
    own = next === systems() ? null : next;
    try { if (own) localStorage.setItem('theme', own); else localStorage.removeItem('theme'); } catch { /* as above */ }
    apply();
  });
  system.addEventListener('change', apply);
  apply();
}

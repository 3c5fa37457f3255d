/** Ads as cards. */

import { keyOf, titleOf, webUrl } from '../ads.js';
import { el } from '../dom.js';
import { count, date, number, salary, score } from '../format.js';

/**
 * A result.
 * @param {import('../ads.js').Ad} ad
 * @param {object} on
 * @param {(ad: import('../ads.js').Ad) => void} on.like asks for ads like it
 * @param {(ad: import('../ads.js').Ad|null) => void} on.hover the pointer enters the card, or leaves it (null)
 */
export function resultCard(ad, on) {
  const members = {
    class: 'card',
    'data-key': keyOf(ad),
    onpointerenter: () => on.hover(ad),
    onpointerleave: () => on.hover(null),
  };
  return el('li', members,
    el('span', { class: 'rank', 'aria-hidden': 'true' }, number(ad.rank)),
    el('h3', {}, titleLink(ad)),
    similarity(ad.score),
    ...facts(ad),
    el('div', { class: 'card-foot' }, reasons(ad), likeButton(ad, on.like)));
}

/** The ad that the results are similar to. */
export function startCard(ad, onclear) {
  const label = el('p', { class: 'start-label' }, 'Started from');
  const clear = { type: 'button', class: 'icon', 'aria-label': 'Start over', title: 'Start over', onclick: onclear };
  return el('article', { class: 'start', 'aria-label': 'The ad started from' },
    el('div', {}, label, el('h3', {}, titleLink(ad)), ...facts(ad)),
    el('button', clear, '×'));
}

/** Grey cards of about a result's height, so that results do not push the page around when they come. */
export function skeletons(many) {
  const bone = (name) => el('span', { class: `bone ${name}` });
  const card = () => el('li', { class: 'card' }, bone('bone-rank'),
    el('div', {}, bone('bone-title'), bone('bone-line'), bone('bone-short')));
  return el('ul', { class: 'cards', 'aria-hidden': 'true' }, ...Array.from({ length: many }, card));
}

/** The title, as a link where the ad has an address on the web. */
function titleLink(ad) {
  const href = webUrl(ad.job_url);
  if (!href) return titleOf(ad);
  const hint = el('span', { class: 'unseen' }, ' (opens the ad in a new tab)');
  return el('a', { href, target: '_blank', rel: 'noopener noreferrer' }, titleOf(ad), hint);
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

/** Similarity as a number and a bar; the bar shows 0 to 1, as a negative one has nothing to show. */
function similarity(value) {
  if (value == null) return null;
  const fill = el('span', { class: 'bar-fill' });
  fill.style.width = `${Math.max(0, Math.min(1, value)) * 100}%`;
  return el('p', { class: 'score' },
    el('span', { class: 'unseen' }, 'Similarity '),
    el('span', {}, score(value)),
    el('span', { class: 'bar-track', 'aria-hidden': 'true' }, fill));
}

function reasons(ad) {
  const texts = (ad.why ?? []).map((reason) => reason.text).filter(Boolean);
  if (!texts.length) return null;
  return el('ul', { class: 'why', 'aria-label': 'Why it is similar' }, ...texts.map((text) => el('li', {}, text)));
}

function likeButton(ad, like) {
  const label = `More like this: ${titleOf(ad)}`;
  const members = { type: 'button', class: 'quiet like', 'aria-label': label, onclick: () => like(ad) };
  return el('button', members, 'More like this');
}

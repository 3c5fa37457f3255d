/** What a search is made of: its URL, so that it can be shared and gone back to, and its request to the service. */

import { date, number } from '../../format.js';

/** Filters by values that the index knows, as the service names them. */
export const FACETS = ['classification', 'location', 'work_type', 'source', 'cluster'];
/** How many ads a reader may ask for; the first where the URL does not say. */
export const COUNTS = [10, 20, 50];
/** A longer description is kept in the entry of the history: servers refuse long URLs. */
const LONGEST_TEXT = 2000;

/**
 * A search starts from an ad, or else from a text; from neither, there is none.
 * @typedef {object} Search
 * @property {string} text
 * @property {{source: string, job_id: string}|null} ad
 * @property {Record<string, string[]>} filter values by facet; any of them, or all where there is none
 * @property {number|null} salary the least, in SGD a month
 * @property {string} after the day before the first, as YYYY-MM-DD; '' for all
 * @property {number} top how many ads to show
 * @property {boolean} reposts whether reposts are shown too
 */

/** A search without filters. */
export const NO_FILTERS = { filter: Object.fromEntries(FACETS.map((name) => [name, []])), salary: null, after: '' };

/** The parameter of a facet; `source` is taken by the ad. */
const parameter = (facet) => (facet === 'source' ? 'filter_source' : facet);

/**
 * The search that an address asks for, without what it says wrongly.
 * @param {import('../../router.js').Address} address
 * @returns {Search}
 */
export function readSearch({ query, kept }) {
  const [source, id, salary, after] = ['source', 'job_id', 'salary', 'after'].map((name) => query.get(name));
  return {
    text: (query.get('q') ?? kept?.text ?? '').trim(),
    ad: source && id ? { source, job_id: id } : null,
    filter: Object.fromEntries(FACETS.map((name) => [name, query.getAll(parameter(name))])),
    salary: salary && Number(salary) >= 0 ? Number(salary) : null,
    after: after && /^\d{4}-\d\d-\d\d$/.test(after) ? after : '',
    top: COUNTS.find((top) => top === Number(query.get('top'))) ?? COUNTS[0],
    reposts: query.get('reposts') === 'true',
  };
}

/**
 * The URL that `readSearch` reads this search from; a long text must be kept beside it.
 * @param {Search} search
 */
export function searchUrl({ text, ad, filter, salary, after, top, reposts }) {
  const query = new URLSearchParams(ad ?? (text && text.length <= LONGEST_TEXT ? { q: text } : {}));
  for (const name of FACETS) for (const value of filter[name]) query.append(parameter(name), value);
  if (salary != null) query.set('salary', String(salary));
  if (after) query.set('after', after);
  if (top !== COUNTS[0]) query.set('top', String(top));
  if (reposts) query.set('reposts', 'true');
  return query.size ? `/?${query}` : '/';
}

/**
 * Path and body of the request for a search: a GET, which can be cached, unless only a body can say it.
 * @param {Search} search
 * @returns {[string, object?]}
 */
export function searchRequest({ text, ad, filter, salary, after, top, reposts }) {
  const listed = FACETS.filter((name) => filter[name].length);
  /** @type {Record<string, any>} */
  const more = {
    ...(salary != null && { salary_min_sgd_per_month: salary }),
    ...(after && { posted_after: after }),
  };
  if (ad && listed.every((name) => filter[name].length === 1)) {
    const query = new URLSearchParams({ ...ad, top_k: String(top), ...more });
    if (reposts) query.set('include_reposts', 'true');
    for (const name of listed) query.set(parameter(name), filter[name][0]);
    return [`/v1/similar?${query}`];
  }
  for (const name of listed) more[name] = filter[name];
  return ['/v1/similar', { ...(ad ? { job: ad } : { text }), top_k: top, filter: more, include_reposts: reposts }];
}

/**
 * The filters in use: what each says, and the change of the search that removes it.
 * @param {Search} search
 * @returns {{text: string, without: Partial<Search>}[]}
 */
export function usedFilters({ filter, salary, after }) {
  /** @type {{text: string, without: Partial<Search>}[]} */
  const used = FACETS.flatMap((name) => filter[name].map((value) => {
    const others = filter[name].filter((one) => one !== value);
    return { text: value, without: { filter: { ...filter, [name]: others } } };
  }));
  if (salary != null) used.push({ text: `From SGD ${number(salary)} a month`, without: { salary: null } });
  if (after) used.push({ text: `Posted after ${date(after) ?? after}`, without: { after: '' } });
  return used;
}

/** The address of the page: everything that a search is made of, so that it can be shared and gone back to. */

/** Filters by values that the index knows, as the service names them. */
export const FACETS = ['classification', 'location', 'work_type', 'source'];
/** How many ads a reader may ask for; the first where the address does not say. */
export const COUNTS = [10, 20, 50];
/** A longer description is kept in the history's entry: servers refuse long URLs. */
const LONGEST_TEXT = 2000;

/** What the URL asks for; what it says wrongly is left out. */
export function readUrl() {
  const query = new URLSearchParams(location.search);
  const [source, id, salary] = ['source', 'job_id', 'salary'].map((name) => query.get(name));
  return {
    text: (query.get('q') ?? history.state?.text ?? '').trim(),
    ad: source && id ? { source, job_id: id } : null,
    filter: Object.fromEntries(FACETS.map((name) => [name, query.getAll(name === 'source' ? 'filter_source' : name)])),
    salary: salary && Number(salary) >= 0 ? Number(salary) : null,
    after: /^\d{4}-\d\d-\d\d$/.test(query.get('after')) ? query.get('after') : '',
    top: COUNTS.find((top) => top === Number(query.get('top'))) ?? COUNTS[0],
    reposts: query.get('reposts') === 'true',
  };
}

/** The URL that `readUrl` reads this from. */
export function writeUrl({ text, ad, filter, salary, after, top, reposts }) {
  const query = new URLSearchParams(ad ?? (text && text.length <= LONGEST_TEXT ? { q: text } : {}));
  for (const name of FACETS) for (const value of filter[name]) query.append(name === 'source' ? 'filter_source' : name, value);
  if (salary != null) query.set('salary', salary);
  if (after) query.set('after', after);
  if (top !== COUNTS[0]) query.set('top', top);
  if (reposts) query.set('reposts', 'true');
  return query.size ? `/?${query}` : '/';
}

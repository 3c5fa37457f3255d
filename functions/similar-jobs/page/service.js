/** Asks the service: one call, what can go wrong with it, and the requests that a newer one makes pointless. */

import { FACETS } from './address.js';

/** What a status means to a reader; the service's own title where it is none of these. */
const TITLES = { 400: 'The service did not understand the search', 404: 'The ad is not in the index', 503: 'The service cannot answer just now' };

/** What went wrong, in words that can be shown. */
export class Problem extends Error {
  constructor(status, { title, detail, type }, retryAfter = null) {
    super(detail ?? title);
    Object.assign(this, { status, retryAfter, title: TITLES[status] ?? title ?? 'Something went wrong', detail: detail ?? '' });
    this.retryable = status === 0 || status === 408 || status === 429 || status >= 500;
    this.needsIndex = /no-index|build-vector-index/.test(`${type} ${detail}`);
  }
}

/** Asks the service; POSTs where there is a body. An aborted request stays pending forever: nobody waits for it. */
export async function call(path, { body, signal } = {}) {
  let response;
  try {
    response = await fetch(path, body ? { method: 'POST', signal, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : { signal });
    const content = await response.json().catch((error) => (signal?.aborted ? Promise.reject(error) : {}));
    if (response.ok) return content;
    throw new Problem(response.status, { title: `The service answered ${response.status}`, ...content }, Number(response.headers.get('Retry-After')) || null);
  } catch (error) {
    if (signal?.aborted) return new Promise(() => {});
    throw error instanceof Problem ? error : new Problem(0, { title: 'The service cannot be reached', detail: 'Check the connection, or whether the service is running.' });
  }
}

const running = new Map();

/** A signal for the newest request of its kind; aborts the one before. */
export function supersede(kind) {
  running.get(kind)?.abort();
  running.set(kind, new AbortController());
  return running.get(kind).signal;
}

/** The request that `state` stands for: a GET, which can be cached, unless only a body can say it. */
export function similarCall({ text, ad, filter, salary, after, top, reposts }) {
  const listed = FACETS.filter((name) => filter[name].length);
  const more = {
    ...(salary != null && { salary_min_sgd_per_month: salary }),
    ...(after && { posted_after: after }),
  };
  if (ad && listed.every((name) => filter[name].length === 1)) {
    const query = new URLSearchParams({ ...ad, top_k: top, ...more, ...(reposts && { include_reposts: true }) });
    for (const name of listed) query.set(name === 'source' ? 'filter_source' : name, filter[name][0]);
    return [`/v1/similar?${query}`];
  }
  for (const name of listed) more[name] = filter[name];
  return ['/v1/similar', { ...(ad ? { job: ad } : { text }), top_k: top, filter: more, include_reposts: reposts }];
}

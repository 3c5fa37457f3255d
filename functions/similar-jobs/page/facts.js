/** What the service says of the whole market: loaded once into the store, by the first view that needs it. */

import { Problem, call } from './api.js';

/** How many points the service is asked for. */
export const MAP_POINTS = 5000;

/**
 * Loads the facts of the index. Throws a `Problem`, also where the index has no ads.
 * @param {import('./store.js').Store} store
 * @param {AbortSignal} signal
 */
export async function loadIndex(store, signal) {
  const index = await call('/v1/index', { signal });
  if (!index.jobs) throw new Problem(503, { title: 'There are no ads to search yet', type: 'no-index' });
  store.set({ index });
}

/**
 * Loads the points of the map and their clusters. Throws a `Problem`.
 * @param {import('./store.js').Store} store
 * @param {AbortSignal} signal
 */
export async function loadPoints(store, signal) {
  const [{ points }, { clusters }] = await Promise.all([
    call(`/v1/map?limit=${MAP_POINTS}`, { signal }),
    call('/v1/clusters', { signal }),
  ]);
  store.set({ points, clusters });
}

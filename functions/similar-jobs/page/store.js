/** The store: the state that the views and the shell share, and the subscriptions to its changes. */

/**
 * @typedef {object} State
 * @property {import('./router.js').Address} address what the URL asks for
 * @property {'light'|'dark'} theme the theme shown
 * @property {Index|null} index what the service said of its index
 * @property {import('./ads.js').Ad[]|null} points the ads that the service put on the map
 * @property {Cluster[]} clusters the clusters of these ads, by id; none where the index has none
 * @property {Card|null} card the cluster whose card is shown
 * @property {number|null} took_ms how long the service took for the last answer shown
 * @property {boolean} searching whether a search is under way
 * @property {Answer|null} answer the answer shown
 * @property {import('./api.js').Problem|null} problem what is shown instead of an answer
 *
 * @typedef {{results: import('./ads.js').Ad[], start: import('./ads.js').Ad|null, took_ms: number}} Answer
 *
 * @typedef {object} Cluster an element of the answer of /v1/clusters, or, with more members, of /v1/clusters/{id}
 * @property {number} id
 * @property {string} name
 * @property {string[]} keywords
 * @property {number} ads
 * @property {number} share of all ads
 * @property {number} x with `y`: its centre on the map
 * @property {number} y
 *
 * The card of a cluster, or why it could not be loaded.
 * @typedef {{id: number, cluster?: any, problem?: import('./api.js').Problem}} Card
 *
 * @typedef {object} Index an answer of /v1/index
 * @property {number} jobs
 * @property {string} [search] what is searched: 'index' or 'warehouse'
 * @property {Record<string, {value: string, jobs: number}[]>} filters
 */

/** The state of a page that has loaded nothing yet. */
const EMPTY = {
  theme: 'light',
  index: null,
  points: null,
  clusters: [],
  card: null,
  took_ms: null,
  searching: false,
  answer: null,
  problem: null,
};

/** State that changes by `set` alone. */
export class Store {
  /** @type {State} */
  #state;
  /** @type {Set<{names: (keyof State)[], listener: (state: State) => void}>} */
  #subscriptions = new Set();

  /** @param {Partial<State>} state */
  constructor(state) {
    this.#state = /** @type {State} */ ({ ...EMPTY, ...state });
  }

  /** The current state. It is replaced, never modified: what was read earlier stays as it was. */
  get state() {
    return this.#state;
  }

  /**
   * Replaces members of the state, and calls each listener of a changed one once, in the order of subscription.
   * @param {Partial<State>} change
   */
  set(change) {
    const before = this.#state;
    this.#state = { ...before, ...change };
    const changed = Object.keys(change).filter((name) => !Object.is(before[name], change[name]));
    for (const subscription of [...this.#subscriptions]) {
      // An earlier listener may have unsubscribed this one: an unmounted view gets no more calls.
      const isCurrent = this.#subscriptions.has(subscription);
      if (isCurrent && subscription.names.some((name) => changed.includes(name))) subscription.listener(this.#state);
    }
  }

  /**
   * Calls `listener` after each change of one of these members. Returns what ends that.
   * @param {(keyof State)[]} names
   * @param {(state: State) => void} listener
   * @returns {() => void}
   */
  subscribe(names, listener) {
    const subscription = { names, listener };
    this.#subscriptions.add(subscription);
    return () => this.#subscriptions.delete(subscription);
  }
}

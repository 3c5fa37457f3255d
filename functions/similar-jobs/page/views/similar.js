/** Finds ads that are similar to a description or to an ad: a form, a list of results, and the map of the market. */

import { keyOf } from '../ads.js';
import { Problem, Requests, call } from '../api.js';
import { el } from '../dom.js';
import { loadIndex, loadPoints } from '../facts.js';
import { navigate } from '../router.js';
import { Form } from './similar/form.js';
import { MapPanel } from './similar/panel.js';
import { Results } from './similar/results.js';
import { readSearch, searchRequest, searchUrl } from './similar/search.js';

/**
 * @typedef {import('../ads.js').Ad} Ad
 * @typedef {import('./similar/search.js').Search} Search
 *
 * What the parts of the view may do.
 * @typedef {object} Actions
 * @property {() => Search} search the search that the URL asks for
 * @property {(change: Partial<Search>) => void} visit goes to a changed search
 * @property {(change: Partial<Search>) => void} narrow goes to changed filters, and takes along what is typed
 * @property {(ad: Ad) => void} open goes to the ads similar to this one
 * @property {(ad: Ad) => void} startFrom does so, and moves the reader to the results
 * @property {() => void} startOver goes back to an empty description
 * @property {() => void} load searches, and loads what is not loaded yet
 */

/**
 * Shows the view in `root`. Returns what removes it.
 * @param {HTMLElement} root
 * @param {import('../store.js').Store} store
 * @returns {() => void}
 */
export function mount(root, store) {
  const view = new SimilarView(store);
  root.append(view.element);
  view.start();
  return () => view.unmount();
}

class SimilarView {
  #store;
  #requests = new Requests();
  /** Ads seen so far by key, so that starting from one need not ask for it again. */
  #known = new Map();
  #listeners = new AbortController();
  #unsubscribe = [];
  #form;
  #results;
  #map;
  #panes = ['list', 'map'].map((name) => this.#paneButton(name));

  /** @param {import('../store.js').Store} store */
  constructor(store) {
    this.#store = store;
    const actions = this.#actions();
    this.#form = new Form(store, actions);
    this.#results = new Results(actions, (ad) => this.#map.point(ad));
    this.#map = new MapPanel({
      start: actions.startFrom,
      hover: (key) => this.#results.point(key),
      cluster: (id) => this.#openCluster(id),
      closeCluster: () => this.#store.set({ card: null }),
      filter: (cluster) => this.#filterBy(cluster),
      retry: actions.load,
    });
    this.element = el('div', { class: 'similar' },
      el('h1', {}, 'Find similar jobs, whatever they are called'),
      this.#form.element,
      el('div', { class: 'panes', role: 'group', 'aria-label': 'What to look at' }, ...this.#panes),
      el('div', { class: 'board' }, this.#results.element, this.#map.element));
    this.#showPane('list');
  }

  /** Shows the state, now and as it changes, and searches. */
  start() {
    const on = (names, listener) => this.#unsubscribe.push(this.#store.subscribe(names, listener));
    on(['address'], () => this.#arrive());
    on(['searching', 'answer', 'problem'], (state) => this.#results.show(state));
    on(['answer', 'index'], (state) => this.#map.mark(state));
    on(['points'], (state) => this.#map.showPoints(state));
    on(['card'], (state) => this.#map.showCard(state));
    on(['theme'], () => this.#map.restyle());
    document.addEventListener('keydown', (event) => this.#press(event), { signal: this.#listeners.signal });
    if (this.#store.state.points) this.#map.showPoints(this.#store.state);
    this.#show();
    this.#load();
    this.#results.show(this.#store.state);
  }

  unmount() {
    this.#requests.abort();
    this.#listeners.abort();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#form.unmount();
    this.#map.unmount();
    this.element.remove();
    this.#store.set({ searching: false, answer: null, problem: null, card: null });
  }

  /** @returns {Actions} */
  #actions() {
    return {
      search: () => this.#search,
      visit: (change) => this.#visit(change),
      narrow: (change) => this.#narrow(change),
      open: (ad) => this.#open(ad),
      startFrom: (ad) => this.#startFrom(ad),
      startOver: () => this.#startOver(),
      load: () => this.#load(),
    };
  }

  // ---- Going to a search

  get #search() {
    return readSearch(this.#store.state.address);
  }

  #visit(change) {
    const search = { ...this.#search, ...change };
    navigate(this.#store, searchUrl(search), { text: search.text });
  }

  /** A description that is typed but not yet sent is taken along rather than lost. */
  #narrow(change) {
    const text = this.#form.typed;
    this.#visit({ ...(text && { text, ad: null }), ...change });
  }

  #open(ad) {
    this.#known.set(keyOf(ad), ad);
    this.#visit({ ad: { source: ad.source, job_id: ad.job_id }, text: '' });
  }

  #startFrom(ad) {
    this.#visit({ ad: { source: ad.source, job_id: ad.job_id }, text: '' });
    this.#form.foldFilters(); // on a narrow screen they would stand between the reader and the ad
    this.#showPane('list');
    this.#results.focus();
    this.#form.element.scrollIntoView({ block: 'start', behavior: 'instant' });
  }

  /** Filters the search by a cluster, and goes to the results; without a search, to the field for one. */
  #filterBy(cluster) {
    this.#store.set({ card: null });
    this.#narrow({ filter: { ...this.#search.filter, cluster: [cluster.name] } });
    if (!this.#search.ad && !this.#search.text) {
      this.#form.focus();
      return;
    }
    this.#showPane('list');
    this.#results.focus();
  }

  #startOver() {
    this.#visit({ ad: null, text: '' });
    this.#form.setMode('text');
    this.#form.focus();
  }

  // ---- Asking the service

  #arrive() {
    this.#show();
    this.#run();
  }

  #load() {
    this.#run();
    if (!this.#store.state.index) this.#loadIndex();
    if (!this.#store.state.points?.length) this.#loadPoints();
  }

  async #run() {
    const signal = this.#requests.signal('search');
    const search = this.#search;
    if (!search.ad && !search.text) {
      this.#store.set({ searching: false, answer: null, problem: null });
      return;
    }
    this.#store.set({ searching: true });
    try {
      const [path, body] = searchRequest(search);
      // Results are shown without the facts of the ad where those cannot be loaded.
      const start = search.ad && this.#loadAd(search.ad, signal).catch(() => search.ad);
      this.#showAnswer(...await Promise.all([call(path, { body, signal }), start]));
    } catch (problem) {
      this.#showProblem(problem);
    }
  }

  /** The ad itself, from what was seen or from the service. */
  async #loadAd(ad, signal) {
    const seen = this.#known.get(keyOf(ad));
    if (seen) return seen;
    const path = `/v1/jobs/${encodeURIComponent(ad.source)}/${encodeURIComponent(ad.job_id)}`;
    return (await call(path, { signal })).job;
  }

  async #loadIndex() {
    try {
      await loadIndex(this.#store, this.#requests.signal('index'));
    } catch (problem) {
      const { ad, text } = this.#search;
      if (!ad && !text) this.#showProblem(problem);
    }
  }

  async #openCluster(id) {
    try {
      const { cluster } = await call(`/v1/clusters/${id}`, { signal: this.#requests.signal('cluster') });
      this.#store.set({ card: { id, cluster } });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      problem.title = 'The cluster could not be loaded';
      this.#store.set({ card: { id, problem } });
    }
  }

  async #loadPoints() {
    this.#map.showLoading();
    try {
      await loadPoints(this.#store, this.#requests.signal('map'));
    } catch {
      this.#map.showFailed();
    }
  }

  // ---- Showing

  /** Shows the search in the form. */
  #show() {
    const search = this.#search;
    this.element.classList.toggle('asked', Boolean(search.ad || search.text));
    this.#form.show(search, search.ad && this.#known.get(keyOf(search.ad)));
  }

  #showAnswer(found, start) {
    for (const ad of [...found.results, start].filter(Boolean)) this.#known.set(keyOf(ad), ad);
    if (start) this.#form.showStart(start);
    this.#store.set({ searching: false, answer: { ...found, start }, problem: null, took_ms: found.took_ms });
  }

  #showProblem(problem) {
    if (!(problem instanceof Problem)) throw problem;
    this.#store.set({ searching: false, answer: null, problem });
  }

  /** Where the screen is narrow, either the list or the map is shown. */
  #showPane(name) {
    this.element.dataset.pane = name;
    for (const button of this.#panes) button.setAttribute('aria-pressed', String(button.dataset.show === name));
  }

  #paneButton(name) {
    const onclick = () => this.#showPane(name);
    return el('button', { type: 'button', 'data-show': name, onclick }, name === 'list' ? 'List' : 'Map');
  }

  /** "/" goes to the search field, as on many sites, unless one is typing. */
  #press(event) {
    const isTyping = event.target.closest('input:not([type=radio], [type=checkbox]), textarea, select');
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
    event.preventDefault();
    this.#form.focus();
  }
}

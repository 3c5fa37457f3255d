/** The map beside the results: which ads it shows, and which of them are results. */

import { el } from '../../dom.js';
import { count, number } from '../../format.js';
import { MarketMap } from '../../map/map.js';
import { MAP_POINTS } from '../../facts.js';

const EXPLANATION = 'Ads that say similar things lie close together.';

export class MapPanel {
  #note = el('p', { id: 'market-note' }, EXPLANATION);
  #message = el('div', { class: 'stage-message', id: 'map-message', hidden: true });
  #map;
  #retry;

  /**
   * @param {object} on
   * @param {(ad: import('../../ads.js').Ad) => void} on.start the reader picks an ad
   * @param {(key: string|null) => void} on.hover the reader points at an ad, or at none
   * @param {(id: number) => void} on.cluster the reader picks a cluster
   * @param {() => void} on.closeCluster the reader closes its card
   * @param {(cluster: import('../../store.js').Cluster) => void} on.filter the reader wants ads of a cluster alone
   * @param {() => void} on.retry the reader asks again for what could not be loaded
   */
  constructor(on) {
    this.#retry = on.retry;
    this.#map = new MarketMap(on);
    this.#map.stage.append(this.#message);
    const head = el('div', { class: 'market-head' }, el('h2', { id: 'market-title' }, 'Map of the market'), this.#note);
    this.element = el('section', { class: 'market', 'aria-labelledby': 'market-title' },
      head, this.#map.stage, this.#map.legend, ...this.#map.words);
  }

  unmount() {
    this.#map.unmount();
  }

  restyle() {
    this.#map.restyle();
  }

  /** Rings the result that the reader points at in the list. */
  point(ad) {
    this.#map.point(ad);
  }

  showLoading() {
    this.#say('Loading the map…');
  }

  /** The cause is shown with the results. */
  showFailed() {
    const retry = el('button', { type: 'button', class: 'quiet', onclick: this.#retry }, 'Try again');
    this.#say(el('p', {}, 'The map could not be loaded.'), retry);
  }

  /** @param {import('../../store.js').State} state */
  showPoints(state) {
    this.#map.setPoints(state.points, state.clusters);
    this.#say('No ads to show yet.');
    this.#message.hidden = state.points.length > 0;
    this.mark(state);
  }

  /**
   * Marks the results of the answer, and says what is on the map.
   * @param {import('../../store.js').State} state
   */
  mark({ answer, index }) {
    const results = answer?.results ?? [];
    const marked = this.#map.mark(results, answer?.start ?? null);
    const points = this.#map.size;
    const shown = points ? sample(points, index?.jobs ?? 0) : '';
    this.#note.textContent = shown + (results.length && points ? share(marked, results.length) : EXPLANATION);
  }

  /**
   * Shows the card of a cluster, or none.
   * @param {import('../../store.js').State} state
   */
  showCard({ card, index }) {
    this.#map.showCard(card, index?.search !== 'warehouse');
  }

  #say(...nodes) {
    this.#message.hidden = false;
    this.#message.replaceChildren(...nodes);
  }
}

/**
 * How many ads the map stands for. The service draws ads of one text once: the map is a sample only where it has as
 * many points as were asked for.
 */
function sample(points, jobs) {
  if (jobs <= points) return `${count(points, 'ad')}. `;
  if (points < MAP_POINTS) return `${count(jobs, 'ad')}, those of one text as one point. `;
  return `${number(points)} of ${count(jobs, 'ad')}. `;
}

const share = (marked, results) =>
  `${marked === results ? 'All' : `${marked} of`} ${count(results, 'result')} marked.`;

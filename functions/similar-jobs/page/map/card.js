/** The card of a cluster: its size, pay, most frequent values and growth, and the clusters most like it. */

import { el, svg } from '../dom.js';
import { count, month, number, salary, share } from '../format.js';
import { actionButton, problemMessage } from '../parts/message.js';

/** Values of a kind that are shown. */
const VALUES = 5;
/** Size of the chart, in its own units. */
const [WIDTH, HEIGHT] = [240, 56];

export class ClusterCard {
  element = el('section', {
    class: 'cluster', id: 'cluster', role: 'dialog', 'aria-labelledby': 'cluster-name', tabindex: -1, hidden: true,
  });
  #on;

  /**
   * @param {object} on
   * @param {(cluster: import('../store.js').Cluster) => void} on.filter the reader wants ads of this cluster alone
   * @param {(id: number) => void} on.cluster the reader picks another cluster
   * @param {() => void} on.closeCluster the reader closes the card
   */
  constructor(on) {
    this.#on = on;
    this.element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      on.closeCluster();
    });
  }

  /**
   * Shows a card, or none.
   * @param {import('../store.js').Card|null} card
   * @param {boolean} canFilter whether searches can be filtered by cluster
   */
  show(card, canFilter) {
    const { element } = this;
    element.hidden = !card;
    element.replaceChildren(...(card ? this.#content(card, canFilter) : []));
    if (!card) return;
    element.scrollTop = 0;
    element.focus({ preventScroll: true });
  }

  #content({ id, cluster, problem }, canFilter) {
    const close = { type: 'button', class: 'icon', 'aria-label': 'Close', onclick: () => this.#on.closeCluster() };
    const name = cluster?.name ?? 'Cluster';
    const head = el('div', { class: 'cluster-head' },
      el('h3', { id: 'cluster-name' }, name), el('button', close, '×'));
    if (problem) return [head, problemMessage(problem, () => this.#on.cluster(id))];
    const filter = canFilter && actionButton('Only ads of this cluster', () => this.#on.filter(cluster));
    return [
      head,
      el('p', {}, `${count(cluster.ads, 'ad')}, ${share(cluster.share)} of the market`),
      cluster.keywords.length > 0 && el('p', { class: 'keywords' }, cluster.keywords.join(' · ')),
      filter,
      ...pay(cluster.pay),
      ...growth(cluster.months),
      ...values('Titles', cluster.titles),
      ...values('Companies', cluster.companies),
      ...values('Classifications', cluster.classifications),
      ...this.#nearest(cluster.nearest),
    ].filter(Boolean);
  }

  #nearest(clusters) {
    if (!clusters.length) return [];
    const button = ({ id, name }) =>
      el('li', {}, el('button', { type: 'button', class: 'quiet', onclick: () => this.#on.cluster(id) }, name));
    return [el('h4', {}, 'Most like it'), el('ul', { class: 'near' }, ...clusters.map(button))];
  }
}

/** Pay in each currency: the median, the middle half, and how many ads say so. */
function pay(currencies) {
  if (!currencies.length) return [];
  const line = ({ currency, ads, p25_per_month: low, median_per_month: median, p75_per_month: high }) => el('li', {},
    el('strong', {}, salary(median, median, currency)),
    el('span', {}, `half of ${count(ads, 'ad')} pay ${salary(low, high, currency)}`));
  return [el('h4', {}, 'Median pay'), el('ul', { class: 'pay' }, ...currencies.map(line))];
}

/** The most frequent values with their ads. */
function values(title, counted) {
  if (!counted.length) return [];
  const line = ({ value, ads }) =>
    el('li', {}, el('span', { class: 'value' }, value), el('span', { class: 'value-count' }, number(ads)));
  return [el('h4', {}, title), el('ul', { class: 'values' }, ...counted.slice(0, VALUES).map(line))];
}

/** A bar a month, with the first and the last month below. A single month shows no growth. */
function growth(months) {
  if (months.length < 2) return [];
  const [first, last] = [months[0], months.at(-1)];
  const most = months.reduce((best, one) => (one.ads > best.ads ? one : best));
  const wide = WIDTH / months.length;
  const bars = months.map(({ ads }, i) => {
    const high = most.ads ? (ads / most.ads) * HEIGHT : 0;
    return svg('rect', { class: 'month', x: i * wide, y: HEIGHT - high, width: Math.max(1, wide - 2), height: high });
  });
  const words = `Ads posted by month, ${month(first.month)} to ${month(last.month)}: `
    + `first ${number(first.ads)}, last ${number(last.ads)}, most ${number(most.ads)} in ${month(most.month)}`;
  const chart = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': words };
  return [
    el('h4', {}, 'Ads posted by month'),
    svg('svg', { class: 'growth', ...chart }, ...bars),
    el('p', { class: 'growth-ends', 'aria-hidden': 'true' },
      el('span', {}, month(first.month)),
      el('span', {}, `most ${number(most.ads)}`),
      el('span', {}, month(last.month))),
  ];
}

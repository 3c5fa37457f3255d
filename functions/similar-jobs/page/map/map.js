/** The map of the market: a scatter of ads on a canvas, with buttons, a legend, and its words for screen readers. */

import { keyOf } from '../ads.js';
import { el, svg } from '../dom.js';
import { count, number } from '../format.js';
import { Camera } from './camera.js';
import { ClusterCard } from './card.js';
import { Labels } from './labels.js';
import { drawLegend, swatchOf } from './legend.js';
import { Painter } from './paint.js';
import { bindPointers } from './pointers.js';
import { Points } from './points.js';
import { Tip } from './tip.js';

const CANVAS = {
  id: 'map',
  tabindex: 0,
  role: 'application',
  'aria-roledescription': 'scatter plot',
  'aria-label': 'Map of the market',
  'aria-describedby': 'map-text',
};
const KEYS = 'Arrow keys go from ad to ad, Enter starts from the ad, plus and minus zoom, 0 shows the whole map.';
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOMS = { '+': 'in', '=': 'in', '-': 'out', 0: 'all' };

/** @typedef {import('./points.js').Point} Point */

export class MarketMap {
  /** Canvas, tip and buttons. */
  stage = el('div', { class: 'stage', id: 'stage' });
  legend = el('div', { class: 'legend', id: 'legend', role: 'group' });
  /** What a screen reader says of the map, and of the point reached by keys. */
  words = [el('p', { class: 'unseen', id: 'map-text' }), el('p', { class: 'unseen', id: 'map-live', role: 'status' })];

  #canvas = /** @type {HTMLCanvasElement} */ (el('canvas', CANVAS));
  #zoomFound = zoomButton('found', 'Zoom to the results', 'Zoom to the results', targetIcon());
  #tip = new Tip();
  #points = new Points();
  #labels;
  #card;
  #camera;
  #painter;
  /** @type {Point|null} the point hovered, tapped or reached by keys */
  #active = null;
  /** @type {number|null} the cluster whose card is shown */
  #shown = null;
  #frame = 0;
  #resized = new ResizeObserver(() => this.#resize());
  #on;

  /**
   * @param {object} on
   * @param {(point: Point) => void} on.start the reader picks an ad
   * @param {(key: string|null) => void} on.hover the reader points at an ad, or at none
   * @param {(id: number) => void} on.cluster the reader picks a cluster
   * @param {() => void} on.closeCluster the reader closes its card
   * @param {(cluster: import('../store.js').Cluster) => void} on.filter the reader wants ads of a cluster alone
   */
  constructor(on) {
    this.#on = on;
    const zoom = this.#zoomButtons();
    this.#camera = new Camera(zoom, () => this.#look());
    this.#labels = new Labels(this.#camera, zoom, on.cluster);
    this.#card = new ClusterCard(on);
    this.stage.append(this.#canvas, this.#labels.element, this.#tip.element, zoom, this.#card.element);
    this.#painter = new Painter(this.#canvas, this.#camera, this.#points);
    this.#canvas.addEventListener('keydown', (event) => this.#press(event));
    this.#canvas.addEventListener('blur', () => this.#activate(null));
    bindPointers(this.#canvas, this.#camera, {
      find: (px, py, reach) => this.#points.nearest(this.#camera, px, py, reach),
      active: () => this.#active,
      activate: (point, hint) => this.#activate(point, hint),
      start: on.start,
    });
    this.#labels.element.addEventListener('wheel', (event) => this.#passOn(event), { passive: false });
    this.#resized.observe(this.stage);
  }

  /** Ends what goes on without the elements, which the caller removes. */
  unmount() {
    this.#resized.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  /** How many points there are. */
  get size() {
    return this.#points.all.length;
  }

  /**
   * @param {import('../ads.js').Ad[]} points
   * @param {import('../store.js').Cluster[]} clusters
   */
  setPoints(points, clusters) {
    this.#points.set(points, clusters);
    this.#painter.restyle();
    const groupOf = (id) => this.#points.groups.find((group) => group.cluster === id);
    this.#labels.set(clusters, (id) => swatchOf(groupOf(id)));
    this.legend.setAttribute('aria-label', `Show only these ${clusters.length ? 'clusters' : 'classifications'}`);
    drawLegend(this.legend, this.#points, () => this.#redraw());
    this.words[0].textContent = this.#description();
    this.#camera.showAll(this.#points.all);
  }

  /**
   * Shows the card of a cluster, or none.
   * @param {import('../store.js').Card|null} card
   * @param {boolean} canFilter whether searches can be filtered by cluster
   */
  showCard(card, canFilter) {
    this.#card.show(card, canFilter);
    // Keyboards go on from the name of the cluster whose card was closed.
    if (!card) this.#labels.focus(this.#shown);
    this.#shown = card?.id ?? null;
  }

  /** Takes the colours of another theme. */
  restyle() {
    this.#painter.restyle();
    this.#redraw();
  }

  /**
   * Marks results and the ad they are similar to. Returns how many of the results are on the map.
   * @param {import('../ads.js').Ad[]} results
   * @param {import('../ads.js').Ad|null} start
   */
  mark(results, start) {
    this.#activate(null);
    this.#points.mark(results, start);
    this.#zoomFound.disabled = !this.#points.marked.length;
    this.#redraw();
    return this.#points.pins.length;
  }

  /** Rings the result that the reader points at elsewhere, or none. */
  point(ad) {
    this.#activate(ad && this.#points.pinOf(ad));
  }

  #description() {
    if (!this.size) return '';
    const named = this.#points.groups.filter((group) => !group.isOther);
    const kind = this.#points.clusters.length ? 'clusters' : 'classes';
    const largest = named.map((group) => `${group.name} ${number(group.points.length)}`).join(', ');
    return `${count(this.size, 'ad')} as points; ads that say similar things lie close together. `
      + `Largest ${kind}: ${largest}. ${KEYS} The list of results says the same in words.`;
  }

  // ---- Drawing

  #look() {
    // With the whole map in view there is nothing to pan: a finger scrolls the page instead of being trapped.
    this.#canvas.style.touchAction = this.#camera.zoom > 1 ? 'none' : 'pan-y';
    this.#redraw();
  }

  #resize() {
    const { width, height } = this.stage.getBoundingClientRect();
    this.#camera.resize({ width, height }, this.#points.all);
    this.#labels.measure();
    this.#paint(); // at once: a canvas that is stretched until the next frame flickers
  }

  #redraw() {
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#painter.paint(this.#active);
    this.#labels.place(this.#points.marked);
    const place = this.#active && this.#camera.toPixels(this.#active);
    this.#tip.place(place && this.#camera.isInside(place) ? place : null, this.#camera.size);
  }

  // ---- The point pointed at

  #activate(point, hint = '') {
    if (point === this.#active) return;
    this.#active = point;
    this.#canvas.style.cursor = point ? 'pointer' : '';
    this.#on.hover(point && keyOf(point));
    if (point) this.#tip.fill(point, this.#points.roleOf(point), hint, this.#points.clusterOf(point));
    this.#redraw();
  }

  /** To the next point in a direction. */
  #travel(direction) {
    const point = this.#points.neighbour(this.#camera, this.#active, direction);
    if (!point) return;
    this.#activate(point, 'Enter to find ads like it');
    if (!this.#camera.isInside(this.#camera.toPixels(point))) {
      this.#camera.look({ ...this.#camera.view, x: point.x, y: point.y });
    }
    this.words[1].textContent = this.#tip.text;
  }

  /** A wheel over a name zooms the map below it. */
  #passOn(event) {
    if (!this.#canvas.dispatchEvent(new WheelEvent('wheel', event))) event.preventDefault();
  }

  // ---- Keys and buttons

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (ARROWS[event.key]) this.#travel(ARROWS[event.key]);
    else if (ZOOMS[event.key]) this.#zoom(ZOOMS[event.key]);
    else if (event.key === 'Escape') this.#activate(null);
    else if (event.key === 'Enter') this.#start();
    else return;
    event.preventDefault();
  }

  #start() {
    if (this.#active) this.#on.start(this.#active);
  }

  #zoom(name) {
    const camera = this.#camera;
    if (name === 'in') camera.zoomIn();
    else if (name === 'out') camera.zoomOut();
    else if (name === 'all') camera.glide(camera.whole);
    else camera.zoomTo(this.#points.marked);
  }

  #zoomButtons() {
    this.#zoomFound.disabled = true;
    const group = el('div', { class: 'zoom', role: 'group', 'aria-label': 'Zoom' },
      zoomButton('in', 'Zoom in', null, '+'),
      zoomButton('out', 'Zoom out', null, '−'),
      zoomButton('all', 'Show the whole map', 'Whole map', wholeIcon()),
      this.#zoomFound);
    for (const button of group.querySelectorAll('button')) {
      button.addEventListener('click', () => this.#zoom(button.dataset.zoom));
    }
    return group;
  }
}

function zoomButton(name, label, title, sign) {
  const members = { type: 'button', class: 'icon', 'data-zoom': name, 'aria-label': label, title };
  return /** @type {HTMLButtonElement} */ (el('button', members, sign));
}

const icon = (...shapes) =>
  svg('svg', { viewBox: '0 0 16 16', width: 14, height: 14, 'aria-hidden': 'true' }, ...shapes);

const stroke = (d) => svg('path', { class: 'stroke', d });

const wholeIcon = () => icon(stroke('M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4'));

const targetIcon = () =>
  icon(svg('circle', { class: 'stroke', cx: 8, cy: 8, r: 5 }), stroke('M8 1v4M8 11v4M1 8h4M11 8h4'));

/**
 * The names of clusters on the map: a button at each cluster's centre, moved aside where it would cover another one.
 * A name that has no room is hidden until the map is zoomed in.
 */

import { el } from '../dom.js';

/** Pixels between names, and between a name and the edge of the map. */
const GAP = 3;
/** How far a marked point reaches. */
const PIN = 9;
/** A name is moved in rings of this many pixels, at most this many rings, in this many directions. */
const [STEP, RINGS, DIRECTIONS] = [13, 11, 12];

/** Offsets from the centre, nearest first; upwards and downwards come before sideways, because names are wide. */
const OFFSETS = [[0, 0], ...Array.from({ length: RINGS * DIRECTIONS }, (_, i) => {
  const [ring, part] = [Math.floor(i / DIRECTIONS) + 1, i % DIRECTIONS];
  const turn = (part % 2 ? 1 : -1) * Math.ceil(part / 2);
  const angle = Math.PI / 2 + (turn * 2 * Math.PI) / DIRECTIONS;
  return [Math.cos(angle) * ring * STEP, Math.sin(angle) * ring * STEP];
})];

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */

export class Labels {
  element = el('div', { class: 'labels', id: 'labels', role: 'group', 'aria-label': 'Clusters' });
  #camera;
  #controls;
  #open;
  /** @type {{cluster: import('../store.js').Cluster, button: HTMLElement, width: number, height: number}[]} */
  #labels = [];

  /**
   * @param {import('./camera.js').Camera} camera
   * @param {HTMLElement} controls the element on the map that no name may cover
   * @param {(id: number) => void} open the reader picks a name
   */
  constructor(camera, controls, open) {
    this.#camera = camera;
    this.#controls = controls;
    this.#open = open;
  }

  /**
   * @param {import('../store.js').Cluster[]} clusters
   * @param {(id: number) => string} swatch the class of a cluster's colour
   */
  set(clusters, swatch) {
    const named = clusters.filter((cluster) => cluster.ads > 0).sort((some, more) => more.ads - some.ads);
    this.#labels = named.map((cluster) => {
      const members = { type: 'button', class: 'label', 'data-cluster': cluster.id, 'aria-haspopup': 'dialog' };
      const button = el('button', { ...members, onclick: () => this.#open(cluster.id) },
        el('span', { class: 'label-box' },
          el('span', { class: `swatch ${swatch(cluster.id)}`, 'aria-hidden': 'true' }),
          el('span', { class: 'label-name' }, cluster.name)));
      return { cluster, button, width: 0, height: 0 };
    });
    this.element.replaceChildren(...this.#labels.map(({ button }) => button));
    this.measure();
  }

  /** Moves the focus to the name of a cluster, if it is shown. */
  focus(id) {
    this.#labels.find(({ cluster }) => cluster.id === id)?.button.focus({ preventScroll: true });
  }

  /** Takes the sizes of the names, after a change of the page's width. */
  measure() {
    // A name of several lines would be as wide as it may be, and not as its lines are.
    const names = this.#labels.map(({ button }) => button.querySelector('.label-name'));
    for (const name of names) name.style.width = '';
    const widths = names.map(widthOfLines);
    names.forEach((name, i) => (name.style.width = widths[i] ? `${Math.ceil(widths[i])}px` : ''));
    for (const label of this.#labels) {
      label.width = label.button.offsetWidth;
      label.height = label.button.offsetHeight;
    }
  }

  /**
   * Places the names for the current view: those of large clusters first, and beside these points where there is room.
   * @param {import('./points.js').Point[]} marked
   */
  place(marked) {
    const pins = marked.map((point) => this.#camera.toPixels(point));
    const avoided = pins.map(([px, py]) => ({ left: px - PIN, top: py - PIN, right: px + PIN, bottom: py + PIN }));
    const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = this.#controls;
    const taken = [
      { left: offsetLeft, top: offsetTop, right: offsetLeft + offsetWidth, bottom: offsetTop + offsetHeight },
    ];
    for (const label of this.#labels) {
      const box = this.#room(label, [...taken, ...avoided]) ?? this.#room(label, taken);
      label.button.style.visibility = box ? 'visible' : 'hidden';
      if (!box) continue;
      taken.push(box);
      label.button.style.transform = `translate(${Math.round(box.left)}px, ${Math.round(box.top)}px)`;
    }
  }

  /**
   * The free place nearest to a cluster's centre, or null. A cluster whose centre is out of sight has no name.
   * @returns {Box|null}
   */
  #room({ cluster, width, height }, taken) {
    const [px, py] = this.#camera.toPixels(cluster);
    if (!width || !this.#camera.isInside([px, py])) return null;
    const { size } = this.#camera;
    const within = (value, length, most) => Math.max(GAP, Math.min(most - length - GAP, value));
    for (const [dx, dy] of OFFSETS) {
      const left = within(px + dx - width / 2, width, size.width);
      const top = within(py + dy - height / 2, height, size.height);
      const box = { left, top, right: left + width, bottom: top + height };
      if (!taken.some((other) => meet(box, other))) return box;
    }
    return null;
  }
}

/** The width of the longest line of an element, in pixels. */
function widthOfLines(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  return range.getBoundingClientRect().width;
}

/** Whether two boxes are nearer than the gap. */
const meet = (a, b) =>
  a.left < b.right + GAP && b.left < a.right + GAP && a.top < b.bottom + GAP && b.top < a.bottom + GAP;

/**
 * What part of the map is seen.
 *
 * Coordinates come in two kinds: the service's (`x`, `y` of a point) and pixels of the canvas. Between them stands the
 * view: pixels = centre + (point − view centre) · view scale, with y upwards.
 */

/** How far one can zoom in, relative to the whole map. */
const DEEPEST = 60;
/** The least distance of points to the edges, both sides together, in pixels. */
const MARGIN = 48;

const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** @typedef {{x: number, y: number}} Place in the service's coordinates */
/** @typedef {{x: number, y: number, scale: number}} View */

export class Camera {
  /** @type {View} */
  view = { x: 0, y: 0, scale: 1 };
  /** The view of all points. */
  whole = this.view;
  size = { width: 0, height: 0 };
  #controls;
  #changed;

  /**
   * @param {HTMLElement} controls lie over the canvas, on the right or at the bottom
   * @param {() => void} changed is called after each change of the view
   */
  constructor(controls, changed) {
    this.#controls = controls;
    this.#changed = changed;
  }

  /** How much larger than on the whole map everything is. */
  get zoom() {
    return this.view.scale / this.whole.scale;
  }

  /**
   * The pixels of a point.
   * @returns {[number, number]}
   */
  toPixels(point) {
    const { view, size } = this;
    return [size.width / 2 + (point.x - view.x) * view.scale, size.height / 2 - (point.y - view.y) * view.scale];
  }

  /** Whether these pixels are on the canvas, or at most `margin` beside it. */
  isInside([px, py], margin = 0) {
    const { width, height } = this.size;
    return px >= -margin && py >= -margin && px <= width + margin && py <= height + margin;
  }

  /**
   * The view in which these points fill the canvas.
   * @param {Place[]} points
   */
  #fit(points, deepest = Infinity) {
    const { width, height } = this.size;
    if (!points.length || !width) return this.whole;
    const [left, right] = span(points.map((point) => point.x));
    const [bottom, top] = span(points.map((point) => point.y));
    // No point lies under the controls: a column on the right or, where it is narrow, a row below.
    const { offsetWidth, offsetHeight } = this.#controls;
    const [aside, below] = offsetHeight > offsetWidth ? [offsetWidth, 0] : [0, offsetHeight];
    const across = (width - aside - MARGIN) / (right - left || 0.01);
    const upwards = (height - below - MARGIN) / (top - bottom || 0.01);
    const scale = Math.min(across, upwards, deepest);
    return { x: (left + right + aside / scale) / 2, y: (bottom + top - below / scale) / 2, scale };
  }

  /** Shows all of these points. */
  showAll(points) {
    this.whole = this.#fit(points);
    this.look(this.whole);
  }

  /** Takes a new size of the canvas; the whole map stays the whole map. */
  resize(size, points) {
    const wasWhole = this.view === this.whole;
    this.size = size;
    this.whole = this.#fit(points);
    if (wasWhole) this.look(this.whole);
  }

  look(view) {
    this.view = view;
    this.#changed();
  }

  pan(dx, dy) {
    const { x, y, scale } = this.view;
    this.look({ x: x - dx / scale, y: y + dy / scale, scale });
  }

  /** Zooms by a factor and keeps the place under (px, py) where it is. Says whether anything changed. */
  zoomAt(factor, px, py) {
    const { view, whole, size } = this;
    const scale = Math.max(whole.scale, Math.min(whole.scale * DEEPEST, view.scale * factor));
    if (scale === view.scale) return false;
    const [dx, dy] = [px - size.width / 2, size.height / 2 - py];
    const moved = { x: view.x + dx / view.scale - dx / scale, y: view.y + dy / view.scale - dy / scale, scale };
    this.look(scale === whole.scale ? whole : moved);
    return true;
  }

  /** Moves the view there, in a fifth of a second unless less motion is wanted. */
  glide(target) {
    const [from, begun] = [this.view, performance.now()];
    const step = (now) => {
      const t = calm.matches ? 1 : Math.min(1, Math.max(0, (now - begun) / 220));
      this.look(t === 1 ? target : between(from, target, 1 - (1 - t) ** 3));
      if (t < 1) requestAnimationFrame(step);
    };
    step(begun);
  }

  zoomIn() {
    this.glide({ ...this.view, scale: Math.min(this.whole.scale * DEEPEST, this.view.scale * 1.8) });
  }

  zoomOut() {
    const scale = this.view.scale / 1.8;
    this.glide(scale <= this.whole.scale ? this.whole : { ...this.view, scale });
  }

  /** Moves to these points, or to the whole map where there are none. */
  zoomTo(points) {
    this.glide(this.#fit(points, (this.whole.scale * DEEPEST) / 4));
  }
}

const span = (values) => [Math.min(...values), Math.max(...values)];

/** The view at a share of the way between two. */
function between(from, to, share) {
  const mix = (a, b) => a + (b - a) * share;
  return { x: mix(from.x, to.x), y: mix(from.y, to.y), scale: mix(from.scale, to.scale) };
}

/** Paints the map on its canvas. */

import { el } from '../dom.js';

/** Ranks up to here are written into their pins; more would only cover each other. */
const NUMBERED = 10;

/**
 * Reads the colours of the style sheet for the canvas: one per group, and one for points without a group.
 * @typedef {{groups: string[], accent: string, onAccent: string, ink: string, ground: string, hidden: string}} Inks
 */

/**
 * Reads the colours of the current theme. A probe turns a variable into a colour.
 * @param {import('./points.js').Group[]} groups
 * @returns {Inks}
 */
export function readInks(groups) {
  const probe = document.body.appendChild(el('span', { hidden: true }));
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const inks = {
    groups: groups.map((group) => colour(`class-${group.colour ?? 'other'}`)),
    accent: colour('accent'),
    onAccent: colour('on-accent'),
    ink: colour('ink'),
    ground: colour('card'),
    hidden: colour('line'),
  };
  probe.remove();
  return inks;
}

export class Painter {
  #canvas;
  #pen;
  #camera;
  #points;
  /** @type {Inks} */
  #inks = readInks([]);

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import('./camera.js').Camera} camera
   * @param {import('./points.js').Points} points
   */
  constructor(canvas, camera, points) {
    this.#canvas = canvas;
    this.#pen = canvas.getContext('2d');
    this.#camera = camera;
    this.#points = points;
  }

  /** Takes the colours of the current theme and groups. */
  restyle() {
    this.#inks = readInks(this.#points.groups);
  }

  /** @param {import('./points.js').Point|null} active is ringed */
  paint(active) {
    this.#clear();
    const radius = Math.min(6, 2.1 * this.#camera.zoom ** 0.35);
    this.#paintGroups(radius);
    for (const pin of this.#points.pins.toReversed()) this.#pin(pin);
    if (this.#points.home) this.#home(this.#points.home);
    if (active) this.#ring(active, radius + 4, 2, this.#inks.ink);
  }

  #clear() {
    const { width, height } = this.#camera.size;
    const canvas = this.#canvas;
    const pixels = [width, height].map((length) => Math.round(length * devicePixelRatio));
    // Compared every time: a window dragged to another screen changes the pixels but not the size.
    if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
    this.#pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    this.#pen.clearRect(0, 0, width, height);
  }

  /** Hidden groups below everything, in the colour of lines; then the others, then up to the largest group. */
  #paintGroups(radius) {
    const { groups, pins, home } = this.#points;
    for (const group of groups) if (group.isHidden) this.#dots(group.points, radius, this.#inks.hidden);
    this.#pen.globalAlpha = pins.length || home ? 0.6 : 0.85;
    const coloured = groups.map((group, i) => ({ ...group, colour: this.#inks.groups[i] }));
    const upwards = coloured.sort((a, b) => Number(b.isOther ?? false) - Number(a.isOther ?? false));
    for (const group of upwards) if (!group.isHidden) this.#dots(group.points, radius, group.colour);
    this.#pen.globalAlpha = 1;
  }

  #dots(points, radius, colour) {
    const pen = this.#pen;
    pen.beginPath();
    for (const point of points) {
      const [px, py] = this.#camera.toPixels(point);
      if (!this.#camera.isInside([px, py], 9)) continue;
      pen.moveTo(px + radius, py);
      pen.arc(px, py, radius, 0, 7);
    }
    pen.fillStyle = colour;
    pen.fill();
  }

  #ring(point, radius, width, colour) {
    const [px, py] = this.#camera.toPixels(point);
    this.#pen.beginPath();
    this.#pen.arc(px, py, radius, 0, 7);
    this.#pen.lineWidth = width;
    this.#pen.strokeStyle = colour;
    this.#pen.stroke();
  }

  #pin({ point, rank }) {
    const radius = rank <= NUMBERED ? 9 : 5;
    this.#dots([point], radius, this.#inks.accent);
    this.#ring(point, radius, 1.5, this.#inks.ground);
    if (rank > NUMBERED) return;
    const pen = this.#pen;
    pen.font = '600 11px system-ui, sans-serif';
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.fillStyle = this.#inks.onAccent;
    const [px, py] = this.#camera.toPixels(point);
    pen.fillText(String(rank), px, py + 0.5);
  }

  #home(point) {
    this.#dots([point], 6, this.#inks.ink);
    this.#ring(point, 6, 1.5, this.#inks.ground);
    this.#ring(point, 11, 2, this.#inks.ink);
  }
}

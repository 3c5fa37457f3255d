/** Mouse, fingers and wheel on the map. */

/** Pixels that a pointer may move while it is down and still be a click. */
const CLICK = 5;
/** How near a point must be to the mouse, or to a finger, in pixels. */
const REACH = { mouse: 9, touch: 20 };

/**
 * @typedef {object} Target
 * @property {(px: number, py: number, reach: number) => object|null} find the point at a place
 * @property {() => object|null} active the point pointed at
 * @property {(point: object|null, hint?: string) => void} activate points at another one
 * @property {(point: object) => void} start starts from a point
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import('./camera.js').Camera} camera
 * @param {Target} target
 */
export function bindPointers(canvas, camera, target) {
  const pressed = new Pressed();
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    pressed.add(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (pressed.has(event)) drag(camera, pressed, event);
    else if (isMouse(event)) target.activate(target.find(...place(event), REACH.mouse), 'Click to find ads like it');
  });
  canvas.addEventListener('pointerup', (event) => {
    if (pressed.remove(event) && pressed.moved < CLICK) click(target, event);
  });
  canvas.addEventListener('pointercancel', (event) => pressed.remove(event));
  canvas.addEventListener('pointerleave', (event) => isMouse(event) && target.activate(null));
  canvas.addEventListener('wheel', (event) => {
    const factor = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0022));
    // Where the map cannot zoom further out, the wheel scrolls the page.
    if (camera.zoomAt(factor, ...place(event))) event.preventDefault();
  }, { passive: false });
}

const isMouse = (event) => event.pointerType === 'mouse';

/** @returns {[number, number]} */
const place = (event) => [event.offsetX, event.offsetY];

/** Pans, and zooms where two fingers spread. With the whole map in view a finger scrolls the page. */
function drag(camera, pressed, event) {
  const { x, y, dx, dy, factor } = pressed.move(event);
  if (pressed.moved < CLICK) return;
  if (camera.zoom > 1 || isMouse(event)) camera.pan(dx, dy);
  if (factor !== null) camera.zoomAt(factor, x, y);
}

/** A finger cannot hover: its first tap shows the ad, the second starts from it. */
function click(target, event) {
  const point = target.find(...place(event), isMouse(event) ? REACH.mouse : REACH.touch);
  if (point && (isMouse(event) || point === target.active())) target.start(point);
  else target.activate(point, 'Tap again to find ads like it');
}

/** The pointers that are down, and how far they have moved since the first came. */
class Pressed {
  /** @type {Map<number, [number, number]>} */
  #places = new Map();
  moved = 0;

  add(event) {
    this.#places.set(event.pointerId, place(event));
    if (this.#places.size === 1) this.moved = 0;
  }

  has(event) {
    return this.#places.has(event.pointerId);
  }

  /** Says whether it was down. */
  remove(event) {
    return this.#places.delete(event.pointerId);
  }

  /** Moves one: where the middle of all comes to, by how much, and how far two spread (null for a single one). */
  move(event) {
    const [[fromX, fromY], wide] = [this.#middle(), this.#spread()];
    this.#places.set(event.pointerId, place(event));
    const [[x, y], wider] = [this.#middle(), this.#spread()];
    const [dx, dy] = [x - fromX, y - fromY];
    this.moved += Math.hypot(dx, dy) + Math.abs(wider - wide);
    return { x, y, dx, dy, factor: wide ? wider / wide : null };
  }

  #middle() {
    const places = [...this.#places.values()];
    const sum = (at) => places.reduce((total, one) => total + one[at] / places.length, 0);
    return [sum(0), sum(1)];
  }

  #spread() {
    const [a, b] = this.#places.values();
    return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
  }
}

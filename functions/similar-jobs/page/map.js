/**
 * The map of the market: a scatter of ads on a canvas.
 *
 * Coordinates come in three kinds: the service's (`x`, `y` of a point), pixels of the canvas, and `view` between them:
 * pixels = centre + (point − view centre) · view scale, with y upwards.
 */

import { byId, count, el, keyOf, number, titleOf } from './view.js';

/** Classes with a colour of their own: what a colour-blind-safe palette has; the rest shares a grey. */
const CLASSES = 9;
/** How far one can zoom in, relative to the whole map. */
const DEEPEST = 60;
/** Ranks up to here are written into their pins; more would only cover each other. */
const NUMBERED = 10;

const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** Makes the map; `start(point)` is called for the ad that a reader picks, `hovered(key)` for the one pointed at. */
export function createMap({ start, hovered }) {
  const canvas = byId('map');
  const pen = canvas.getContext('2d');
  const found = document.querySelector('[data-zoom="found"]');

  let points = [];
  let groups = []; // { name, colour, points, chosen, hidden }
  let inks = {}; // the style sheet's colours for what is no class
  let pins = []; // { point, rank } of the results on the map
  let home = null; // the point of the ad started from
  let active = null; // the point hovered, tapped or reached by keys
  let view = { x: 0, y: 0, scale: 1 };
  let whole = view; // the view that shows every point
  let size = { width: 0, height: 0 };
  let frame = 0;

  // ---- Points and groups

  function setPoints(fresh) {
    points = fresh.filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y));
    const byClass = Map.groupBy(points, (point) => point.job_classification?.trim() ?? '');
    const classes = [...byClass].filter(([name]) => name).sort(([, some], [, more]) => more.length - some.length);
    groups = classes.slice(0, CLASSES).map(([name, members]) => ({ name, points: members }));
    const rest = [...classes.slice(CLASSES).flatMap(([, members]) => members), ...(byClass.get('') ?? [])];
    if (rest.length) groups.push({ name: classes.length > CLASSES ? 'Others' : 'Not classified', points: rest, other: true });
    restyle();
    drawLegend();
    describe();
    whole = fit(points);
    view = whole;
    redraw();
  }

  /** Colours come from the style sheet; the probe turns a variable into a colour that a canvas understands. */
  function restyle() {
    const probe = byId('stage').appendChild(el('span', { hidden: true }));
    const colour = (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
    groups.forEach((group, i) => (group.colour = colour(group.other ? 'class-other' : `class-${i}`)));
    inks = { accent: colour('accent'), onAccent: colour('on-accent'), ink: colour('ink'), ground: colour('card'), hidden: colour('line') };
    probe.remove();
    redraw();
  }

  function drawLegend() {
    byId('legend').replaceChildren(...groups.map((group, i) => el('button',
      { type: 'button', 'aria-pressed': 'false', onclick: choose },
      el('span', { class: `swatch swatch-${group.other ? 'other' : i}`, 'aria-hidden': 'true' }),
      el('span', { class: 'legend-name' }, group.name), el('span', { class: 'legend-count' }, number(group.points.length)))));

    /** Chosen classes are shown alone; none chosen means all. */
    function choose() {
      const buttons = [...byId('legend').children];
      const group = groups[buttons.indexOf(this)];
      group.chosen = !group.chosen;
      const some = groups.some((one) => one.chosen);
      groups.forEach((one, i) => {
        one.hidden = some && !one.chosen;
        buttons[i].setAttribute('aria-pressed', String(Boolean(one.chosen)));
        buttons[i].classList.toggle('hidden-class', one.hidden);
      });
      redraw();
    }
  }

  function describe() {
    const largest = groups.filter((group) => !group.other).map((group) => `${group.name} ${number(group.points.length)}`);
    byId('map-text').textContent = points.length
      ? `${count(points.length, 'ad')} as points; ads that say similar things lie close together. Largest classes: ${largest.join(', ')}. `
        + 'Arrow keys go from ad to ad, Enter starts from the ad, plus and minus zoom, 0 shows the whole map. The list of results says the same in words.'
      : '';
  }

  // ---- The view

  /** The view in which these points fill the canvas. */
  function fit(some, deepest = Infinity) {
    if (!some.length || !size.width) return whole;
    const span = (values) => [Math.min(...values), Math.max(...values)];
    const [left, right] = span(some.map((point) => point.x));
    const [bottom, top] = span(some.map((point) => point.y));
    // The buttons stand in a column on the right or, where it is narrow, in a row below: nothing shall lie under them.
    const { offsetWidth, offsetHeight } = document.querySelector('.zoom');
    const [aside, below] = offsetHeight > offsetWidth ? [offsetWidth, 0] : [0, offsetHeight];
    const scale = Math.min((size.width - aside - 48) / (right - left || 0.01), (size.height - below - 48) / (top - bottom || 0.01), deepest);
    return { x: (left + right + aside / scale) / 2, y: (bottom + top - below / scale) / 2, scale };
  }

  const toPixels = (point) => [size.width / 2 + (point.x - view.x) * view.scale, size.height / 2 - (point.y - view.y) * view.scale];

  /** Zooms by a factor and keeps the place under (px, py) where it is. Says whether anything changed. */
  function zoomAt(factor, px = size.width / 2, py = size.height / 2) {
    const scale = Math.max(whole.scale, Math.min(whole.scale * DEEPEST, view.scale * factor));
    if (scale === view.scale) return false;
    const [dx, dy] = [px - size.width / 2, size.height / 2 - py];
    look(scale === whole.scale ? whole : { x: view.x + dx / view.scale - dx / scale, y: view.y + dy / view.scale - dy / scale, scale });
    return true;
  }

  function pan(dx, dy) {
    look({ ...view, x: view.x - dx / view.scale, y: view.y + dy / view.scale });
  }

  function look(next) {
    view = next;
    // With the whole map in view there is nothing to pan: a finger scrolls the page instead of being trapped.
    canvas.style.touchAction = view.scale > whole.scale ? 'none' : 'pan-y';
    redraw();
  }

  /** Moves the view there, in a fifth of a second unless less motion is wanted. */
  function glide(target) {
    const [from, begun] = [view, performance.now()];
    const mix = (a, b, t) => a + (b - a) * t;
    const step = (now) => {
      const t = calm.matches ? 1 : Math.min(1, Math.max(0, (now - begun) / 220));
      const eased = 1 - (1 - t) ** 3;
      look(t === 1 ? target : { x: mix(from.x, target.x, eased), y: mix(from.y, target.y, eased), scale: mix(from.scale, target.scale, eased) });
      if (t < 1) requestAnimationFrame(step);
    };
    step(begun);
  }

  function resize() {
    const { width, height } = canvas.parentElement.getBoundingClientRect();
    const wasWhole = view === whole;
    size = { width, height };
    whole = fit(points);
    if (wasWhole) look(whole);
    paint(); // at once: a canvas that is stretched until the next frame flickers
  }

  // ---- Painting

  function redraw() {
    frame ||= requestAnimationFrame(paint);
  }

  function paint() {
    cancelAnimationFrame(frame);
    frame = 0;
    const pixels = [size.width, size.height].map((length) => Math.round(length * devicePixelRatio));
    // Compared every time: a window dragged to another screen changes the pixels but not the size.
    if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, size.width, size.height);
    const radius = Math.min(6, 2.1 * (view.scale / whole.scale) ** 0.35);
    // What was not chosen lies below everything, a shadow of the market; then the others, then the largest class.
    for (const group of groups) if (group.hidden) dots(group.points, radius, inks.hidden);
    pen.globalAlpha = pins.length || home ? 0.6 : 0.85;
    const upwards = groups.toSorted((a, b) => Boolean(b.other) - Boolean(a.other));
    for (const group of upwards) if (!group.hidden) dots(group.points, radius, group.colour);
    pen.globalAlpha = 1;
    for (const pin of pins.toReversed()) drawPin(pin);
    if (home) drawHome();
    if (active) ring(active, radius + 4, 2, inks.ink);
    placeTip();
  }

  function dots(some, radius, colour) {
    pen.beginPath();
    for (const point of some) {
      const [px, py] = toPixels(point);
      if (px < -9 || py < -9 || px > size.width + 9 || py > size.height + 9) continue;
      pen.moveTo(px + radius, py);
      pen.arc(px, py, radius, 0, 7);
    }
    pen.fillStyle = colour;
    pen.fill();
  }

  function ring(point, radius, width, colour) {
    pen.beginPath();
    pen.arc(...toPixels(point), radius, 0, 7);
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke();
  }

  function drawPin({ point, rank }) {
    const radius = rank <= NUMBERED ? 9 : 5;
    dots([point], radius, inks.accent);
    ring(point, radius, 1.5, inks.ground);
    if (rank > NUMBERED) return;
    pen.font = '600 11px system-ui, sans-serif';
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.fillStyle = inks.onAccent;
    const [px, py] = toPixels(point);
    pen.fillText(String(rank), px, py + 0.5);
  }

  function drawHome() {
    dots([home], 6, inks.ink);
    ring(home, 6, 1.5, inks.ground);
    ring(home, 11, 2, inks.ink);
  }

  // ---- The ad pointed at

  function activate(point, hint) {
    if (point === active) return;
    active = point;
    canvas.style.cursor = point ? 'pointer' : '';
    hovered(point && keyOf(point));
    if (point) byId('tip').replaceChildren(...tipText(point, hint));
    redraw();
  }

  function tipText(point, hint) {
    const pin = pins.find((one) => one.point === point);
    const role = point === home ? 'Started from' : pin && `Result ${pin.rank}`;
    return [role ? el('span', { class: 'tip-role' }, role) : '', el('strong', {}, titleOf(point)), el('span', {}, point.job_classification || 'Not classified'), hint ? el('em', {}, hint) : ''];
  }

  function placeTip() {
    const tip = byId('tip');
    const [px, py] = active ? toPixels(active) : [-1, -1];
    tip.hidden = px < 0 || py < 0 || px > size.width || py > size.height;
    if (tip.hidden) return;
    const left = Math.max(4, Math.min(size.width - tip.offsetWidth - 4, px - tip.offsetWidth / 2));
    const above = py - tip.offsetHeight - 14;
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(above < 4 ? py + 14 : above)}px)`;
  }

  /** The visible point nearest to a place, within reach; results and the start come before the crowd. */
  function nearest(px, py, reach) {
    const within = (some, limit) => {
      let best = null;
      for (const point of some) {
        const [x, y] = toPixels(point);
        const distance = Math.hypot(x - px, y - py);
        if (distance < limit) [best, limit] = [point, distance];
      }
      return best;
    };
    return within([...pins.map((pin) => pin.point), ...(home ? [home] : [])], reach + 2) ?? within(shown(), reach);
  }

  const shown = () => groups.filter((group) => !group.hidden).flatMap((group) => group.points);

  /** The point one comes to from the active one in a direction: near, and more ahead than aside. */
  function neighbour(dx, dy) {
    if (!active) return pins[0]?.point ?? home ?? nearest(size.width / 2, size.height / 2, Infinity);
    const [px, py] = toPixels(active);
    let [best, least] = [null, Infinity];
    for (const point of shown()) {
      const [x, y] = toPixels(point);
      const ahead = (x - px) * dx + (y - py) * dy;
      const aside = Math.abs((x - px) * dy) + Math.abs((y - py) * dx);
      if (ahead > 0.5 && aside <= ahead * 2 && ahead + 2 * aside < least) [best, least] = [point, ahead + 2 * aside];
    }
    return best ?? active;
  }

  // ---- Pointer, wheel, keys

  const down = new Map(); // pointers on the canvas: id → [x, y]
  let moved = 0;

  const place = (event) => [event.offsetX, event.offsetY];
  const middle = () => [...down.values()].reduce(([x, y], [px, py]) => [x + px / down.size, y + py / down.size], [0, 0]);
  const spread = () => {
    const [a, b] = [...down.values()];
    return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
  };

  canvas.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    if (down.size === 1) moved = 0;
  });

  canvas.addEventListener('pointermove', (event) => {
    if (!down.has(event.pointerId)) {
      if (event.pointerType === 'mouse') activate(nearest(...place(event), 9), 'Click to find ads like it');
      return;
    }
    const [[x, y], wide] = [middle(), spread()];
    down.set(event.pointerId, place(event));
    const [nextX, nextY] = middle();
    moved += Math.hypot(nextX - x, nextY - y) + Math.abs(spread() - wide);
    if (moved < 5) return;
    if (view.scale > whole.scale || event.pointerType === 'mouse') pan(nextX - x, nextY - y);
    if (wide) zoomAt(spread() / wide, nextX, nextY);
  });

  canvas.addEventListener('pointerup', (event) => {
    if (!down.delete(event.pointerId) || moved >= 5) return;
    const touch = event.pointerType !== 'mouse';
    const point = nearest(...place(event), touch ? 20 : 9);
    // A finger cannot hover: its first tap shows the ad, the second starts from it.
    if (point && (!touch || point === active)) start(point);
    else activate(point, 'Tap again to find ads like it');
  });
  canvas.addEventListener('pointercancel', (event) => down.delete(event.pointerId));
  canvas.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && activate(null));

  canvas.addEventListener('wheel', (event) => {
    const factor = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0022));
    // Where the map cannot zoom further out, the wheel is the page's again.
    if (zoomAt(factor, ...place(event))) event.preventDefault();
  }, { passive: false });

  const zooms = {
    in: () => glide({ ...view, scale: Math.min(whole.scale * DEEPEST, view.scale * 1.8) }),
    out: () => glide(view.scale / 1.8 <= whole.scale ? whole : { ...view, scale: view.scale / 1.8 }),
    all: () => glide(whole),
    found: () => glide(fit([...pins.map((pin) => pin.point), ...(home ? [home] : [])], whole.scale * DEEPEST / 4)),
  };
  for (const button of document.querySelectorAll('[data-zoom]')) button.addEventListener('click', () => zooms[button.dataset.zoom]());

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const keys = { '+': zooms.in, '=': zooms.in, '-': zooms.out, 0: zooms.all, Escape: () => activate(null), Enter: () => active && start(active) };
  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrows[event.key]) travel(...arrows[event.key]);
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  canvas.addEventListener('blur', () => activate(null));

  function travel(dx, dy) {
    const point = neighbour(dx, dy);
    if (!point) return;
    activate(point, 'Enter to find ads like it');
    const [px, py] = toPixels(point);
    if (px < 0 || py < 0 || px > size.width || py > size.height) look({ ...view, x: point.x, y: point.y });
    byId('map-live').textContent = [...byId('tip').children].map((part) => part.textContent).join(', ');
  }

  // ---- What the page asks for

  /** Where an ad lies: its own coordinates if the service gave them, else the sample's point of it. */
  const locate = (ad) => points.find((point) => keyOf(point) === keyOf(ad)) ?? (Number.isFinite(ad.x) && Number.isFinite(ad.y) ? ad : null);

  /** Marks these results and the ad they are similar to. Gives how many of the results are on the map. */
  function highlight(results, origin) {
    activate(null);
    pins = results.map((ad) => ({ point: locate(ad), rank: ad.rank })).filter((pin) => pin.point);
    home = origin ? locate(origin) : null;
    found.disabled = !pins.length && !home;
    redraw();
    return pins.length;
  }

  /** Rings the result that the list points at. */
  function hover(ad) {
    activate(ad && (pins.find((pin) => keyOf(pin.point) === keyOf(ad))?.point ?? null));
  }

  new ResizeObserver(resize).observe(canvas.parentElement);
  return { setPoints, restyle, highlight, hover, points: () => points.length };
}

/** The points of the map: by cluster or class, which of them are results, and which of them is near a place. */

import { keyOf } from '../ads.js';

/** Classes with a colour of their own: what a colour-blind-safe palette has; the rest shares a grey. */
const CLASSES = 9;
/** Clusters with a colour of their own: more than a palette has, because their names are on the map as well. */
const CLUSTERS = 12;

/** @typedef {import('../ads.js').Ad & {x: number, y: number}} Point */
/**
 * Points of a cluster or a class, or of all those without a colour (`isOther`). Where some groups are chosen, the
 * others are hidden.
 * @typedef {object} Group
 * @property {string} name
 * @property {Point[]} points
 * @property {number} [colour] number of its colour; none for the others
 * @property {number} [cluster] id, of a cluster
 * @property {boolean} [isOther]
 * @property {boolean} [isChosen]
 * @property {boolean} [isHidden]
 */

export class Points {
  /** @type {Point[]} */
  all = [];
  /** @type {Group[]} the largest first, the others last */
  groups = [];
  /** @type {{point: Point, rank: number}[]} results that are on the map */
  pins = [];
  /** @type {Point|null} the ad started from */
  home = null;

  /** @type {import('../store.js').Cluster[]} */
  clusters = [];

  /**
   * @param {import('../ads.js').Ad[]} points
   * @param {import('../store.js').Cluster[]} clusters the points are grouped by class where there are none
   */
  set(points, clusters) {
    this.all = /** @type {Point[]} */ (points.filter(hasPlace));
    this.clusters = clusters;
    this.groups = clusters.length ? byCluster(this.all, clusters) : byClass(this.all);
  }

  /** The name of a point's cluster, where there are clusters. */
  clusterOf(point) {
    return this.clusters.find((cluster) => cluster.id === clusterId(point))?.name;
  }

  /** Shows the chosen groups alone, all of them where none is chosen. */
  toggle(group) {
    group.isChosen = !group.isChosen;
    const some = this.groups.some((one) => one.isChosen);
    for (const one of this.groups) one.isHidden = some && !one.isChosen;
  }

  /** Marks results and the ad they are similar to. */
  mark(results, start) {
    const pins = results.map((ad) => ({ point: this.#locate(ad), rank: ad.rank }));
    this.pins = pins.filter((pin) => pin.point);
    this.home = start && this.#locate(start);
  }

  /** Results and the start. */
  get marked() {
    const points = this.pins.map((pin) => pin.point);
    return this.home ? [...points, this.home] : points;
  }

  /** The point of a result, or null. */
  pinOf(ad) {
    return this.pins.find((pin) => keyOf(pin.point) === keyOf(ad))?.point ?? null;
  }

  /** What a marked point is, in words. */
  roleOf(point) {
    const pin = this.pins.find((one) => one.point === point);
    return point === this.home ? 'Started from' : pin && `Result ${pin.rank}`;
  }

  /** Where an ad lies: the point of its key, else the coordinates that the service gave it. */
  #locate(ad) {
    return this.all.find((point) => keyOf(point) === keyOf(ad)) ?? (hasPlace(ad) ? ad : null);
  }

  get #visible() {
    return this.groups.filter((group) => !group.isHidden).flatMap((group) => group.points);
  }

  /**
   * The visible point nearest to a place and within `reach` pixels, or null; marked points come before all others.
   * @param {import('./camera.js').Camera} camera
   */
  nearest(camera, px, py, reach) {
    const within = (points, limit) => {
      let best = null;
      for (const point of points) {
        const [x, y] = camera.toPixels(point);
        const distance = Math.hypot(x - px, y - py);
        if (distance < limit) [best, limit] = [point, distance];
      }
      return best;
    };
    return within(this.marked, reach + 2) ?? within(this.#visible, reach);
  }

  /**
   * The point one comes to from another in a direction: near, and more ahead than aside.
   * @param {import('./camera.js').Camera} camera
   */
  neighbour(camera, from, [dx, dy]) {
    if (!from) return this.#first(camera);
    const [px, py] = camera.toPixels(from);
    let [best, least] = [from, Infinity];
    for (const point of this.#visible) {
      const [x, y] = camera.toPixels(point);
      const ahead = (x - px) * dx + (y - py) * dy;
      const aside = Math.abs((x - px) * dy) + Math.abs((y - py) * dx);
      if (ahead > 0.5 && aside <= ahead * 2 && ahead + 2 * aside < least) [best, least] = [point, ahead + 2 * aside];
    }
    return best;
  }

  /** Where keys begin: the best result, the start, or the middle. */
  #first(camera) {
    const { width, height } = camera.size;
    return this.pins[0]?.point ?? this.home ?? this.nearest(camera, width / 2, height / 2, Infinity);
  }
}

const hasPlace = (ad) => Number.isFinite(ad.x) && Number.isFinite(ad.y);

/** The id of a point's cluster; a result has its name too. */
const clusterId = (point) => point.cluster?.id ?? point.cluster;

/**
 * Groups by cluster. A cluster keeps its colour when the sizes of clusters change.
 * @returns {Group[]}
 */
function byCluster(points, clusters) {
  const members = Map.groupBy(points, clusterId);
  const coloured = clusters.slice(0, CLUSTERS).map(({ id, name }, colour) => ({
    name, cluster: id, colour, points: members.get(id) ?? [],
  }));
  const known = new Set(coloured.map((group) => group.cluster));
  const groups = coloured.filter((group) => group.points.length);
  groups.sort((some, more) => more.points.length - some.points.length);
  const rest = points.filter((point) => !known.has(clusterId(point)));
  return rest.length ? [...groups, { name: 'Others', points: rest, isOther: true }] : groups;
}

/**
 * Groups by class.
 * @returns {Group[]}
 */
function byClass(points) {
  const named = Map.groupBy(points, (point) => point.job_classification?.trim() ?? '');
  const classes = [...named].filter(([name]) => name).sort(([, some], [, more]) => more.length - some.length);
  const groups = classes.slice(0, CLASSES).map(([name, members], colour) => ({ name, colour, points: members }));
  const smaller = classes.slice(CLASSES).flatMap(([, members]) => members);
  const rest = [...smaller, ...(named.get('') ?? [])];
  if (!rest.length) return groups;
  return [...groups, { name: classes.length > CLASSES ? 'Others' : 'Not classified', points: rest, isOther: true }];
}

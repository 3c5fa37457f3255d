/** The tip beside the point that is pointed at. */

import { titleOf } from '../ads.js';
import { el } from '../dom.js';

export class Tip {
  element = el('div', { class: 'tip', id: 'tip', hidden: true });

  /**
   * @param {import('./points.js').Point} point
   * @param {string|null|undefined} role what a marked point is
   * @param {string|undefined} hint what one can do
   * @param {string|undefined} cluster the name of its cluster
   */
  fill(point, role, hint, cluster) {
    this.element.replaceChildren(
      role ? el('span', { class: 'tip-role' }, role) : '',
      el('strong', {}, titleOf(point)),
      el('span', {}, point.job_classification || 'Not classified'),
      cluster ? el('span', { class: 'tip-cluster' }, cluster) : '',
      hint ? el('em', {}, hint) : '');
  }

  /** Its parts, for those who cannot see it. */
  get text() {
    return [...this.element.children].map((part) => part.textContent).join(', ');
  }

  /**
   * Places the tooltip above a point of the canvas, or below it if there is no room above.
   * @param {[number, number]|null} place nothing is shown for null
   * @param {{width: number}} size of the canvas
   */
  place(place, { width }) {
    const tip = this.element;
    tip.hidden = !place;
    if (!place) return;
    const [px, py] = place;
    const left = Math.max(4, Math.min(width - tip.offsetWidth - 4, px - tip.offsetWidth / 2));
    const above = py - tip.offsetHeight - 14;
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(above < 4 ? py + 14 : above)}px)`;
  }
}

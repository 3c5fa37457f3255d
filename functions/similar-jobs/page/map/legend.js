/** The legend: a button a group, a cluster or a class, which shows the chosen groups alone. */

import { el } from '../dom.js';
import { number } from '../format.js';

/**
 * @param {Element} element gets the buttons
 * @param {import('./points.js').Points} points
 * @param {() => void} changed is called after a choice
 */
export function drawLegend(element, points, changed) {
  const choose = (group) => {
    points.toggle(group);
    points.groups.forEach((one, i) => {
      element.children[i].setAttribute('aria-pressed', String(Boolean(one.isChosen)));
      element.children[i].classList.toggle('hidden-class', Boolean(one.isHidden));
    });
    changed();
  };
  element.replaceChildren(...points.groups.map((group) => button(group, () => choose(group))));
}

/**
 * The class of a group's colour.
 * @param {import('./points.js').Group|undefined} group
 */
export const swatchOf = (group) => `swatch-${group?.colour ?? 'other'}`;

const button = (group, onclick) => el('button', { type: 'button', 'aria-pressed': 'false', onclick },
  el('span', { class: `swatch ${swatchOf(group)}`, 'aria-hidden': 'true' }),
  el('span', { class: 'legend-name' }, group.name),
  el('span', { class: 'legend-count' }, number(group.points.length)));

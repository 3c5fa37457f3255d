/**
 * Elements of the document.
 *
 * Ads are written by strangers: no part of the page parses text as HTML. Text enters as text nodes, and links only
 * after `webUrl` of ads.js.
 */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Makes an HTML element. A function among the members becomes a listener (`onclick`), other members become attributes;
 * a member or child that is null or false is left out.
 * @param {string} tag
 * @param {Record<string, any>} [members]
 * @param {...(Node|string|null|undefined|false)} children
 */
export const el = (tag, members = {}, ...children) => fill(document.createElement(tag), members, children);

/** Makes an SVG element, as `el` makes one of HTML. */
export const svg = (tag, members = {}, ...children) => fill(document.createElementNS(SVG, tag), members, children);

function fill(node, members, children) {
  for (const [name, value] of Object.entries(members)) {
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child != null && child !== false && child !== ''));
  return node;
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Tells readers with a screen reader what has changed elsewhere on the page. */
export const announce = (text) => (byId('live').textContent = text);

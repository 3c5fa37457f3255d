/**
 * The views of the page.
 *
 * To add one: write `views/<name>.js` that exports `mount(root, store)`, which shows the view in `root` and returns a
 * function that removes it (listeners, subscriptions and requests too), and add its line to VIEWS below. The bar links
 * to the views once there are two. `FILES` in src/page.rs lists what is served; a test names a file that it lacks.
 */

import { mount as similar } from './views/similar.js';

/**
 * @typedef {object} View
 * @property {string} name the value of `view` in the URL
 * @property {string} title of the document and of the link in the bar
 * @property {(root: HTMLElement, store: import('./store.js').Store) => (() => void)} mount returns `unmount`
 */

/** @type {View[]} The first is the one at `/`. */
export const VIEWS = [
  { name: 'similar', title: 'Similar jobs', mount: similar },
];

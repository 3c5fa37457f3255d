/**
 * From the URL to a view: `?view=<name>` names one of the views, the first where there is none of that name; the view
 * itself reads the rest of the query.
 */

/**
 * What the URL asks for. Each visit makes a new one, also of the same URL.
 * @typedef {object} Address
 * @property {URLSearchParams} query
 * @property {any} kept what the entry of the history keeps besides its URL, or null
 */

/**
 * What the URL of the page asks for.
 * @returns {Address}
 */
export const readAddress = () => ({ query: new URLSearchParams(location.search), kept: history.state });

/** The view that an address names. */
export const viewAt = ({ query }, views) => views.find(({ name }) => name === query.get('view')) ?? views[0];

/** The URL of a view. */
export const viewUrl = (view, views) => (view === views[0] ? '/' : `/?view=${encodeURIComponent(view.name)}`);

/**
 * Goes to a URL of the page: a new entry of the history, except where it is the current URL.
 * @param {import('./store.js').Store} store
 * @param {string} url
 * @param {any} [kept] what the entry keeps besides the URL
 */
export function navigate(store, url, kept = null) {
  const move = url === location.pathname + location.search ? 'replaceState' : 'pushState';
  history[move](kept, '', url);
  store.set({ address: readAddress() });
}

/**
 * Mounts in `root` the view that the address names, now and after each change of it.
 * @param {HTMLElement} root
 * @param {import('./store.js').Store} store
 * @param {import('./views.js').View[]} views
 */
export function startRouter(root, store, views) {
  let mounted = null;
  const show = ({ address }) => {
    const view = viewAt(address, views);
    if (view === mounted?.view) return;
    const isFirst = !mounted;
    mounted?.unmount();
    document.title = view.title;
    mounted = { view, unmount: view.mount(root, store) };
    if (isFirst) return;
    // Keyboards and screen readers go on from the new view.
    root.tabIndex = -1;
    root.focus({ preventScroll: true });
    scrollTo(0, 0);
  };
  addEventListener('popstate', () => store.set({ address: readAddress() }));
  store.subscribe(['address'], show);
  show(store.state);
}

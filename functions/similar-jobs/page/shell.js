/** What surrounds every view: the bar with links to the views, the theme, and the foot. */

import { byId, el } from './dom.js';
import { count, date, share, took } from './format.js';
import { navigate, viewAt, viewUrl } from './router.js';
import { bindTheme } from './theme.js';

/**
 * Keeps bar, foot and theme up to date with the store.
 * @param {import('./store.js').Store} store
 * @param {import('./views.js').View[]} views
 */
export function bindShell(store, views) {
  const showLinks = ({ address }) => {
    const current = viewAt(address, views);
    byId('views').hidden = views.length < 2;
    byId('views').replaceChildren(
      ...views.map((view) => viewLink(viewUrl(view, views), view.title, view === current, store)),
    );
  };
  bindTheme(store);
  store.subscribe(['address'], showLinks);
  store.subscribe(['index'], ({ index }) => (byId('bar-fact').textContent = index ? count(index.jobs, 'ad') : ''));
  store.subscribe(['index', 'took_ms'], showFoot);
  showLinks(store.state);
}

function viewLink(href, title, isCurrent, store) {
  const follow = (event) => {
    // With a modifier the browser opens the link elsewhere.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(store, href);
  };
  return el('a', { href, 'aria-current': isCurrent && 'page', onclick: follow }, title);
}

function showFoot({ index, took_ms }) {
  if (!index) return;
  const published = date(index.published_at);
  const facts = [
    `Index ${index.index_version ?? 'not built'}${published ? ` of ${published}` : ''}`,
    index.model_version && `Model ${index.model_version}`,
    count(index.jobs, 'ad'),
    index.recall_at_10 != null && `Recall ${share(index.recall_at_10)} of the ten nearest`,
    index.search === 'warehouse' && 'Searching the warehouse itself, which is slower than an index',
    took_ms != null && `Answered in ${took(took_ms)}`,
  ];
  byId('foot').replaceChildren(...facts.filter(Boolean).map((fact) => el('span', {}, fact)));
}

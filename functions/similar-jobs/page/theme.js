/** Light or dark: what the system prefers, or the reader's choice, which is remembered only while it differs. */

import { byId } from './dom.js';

const KEY = 'theme';
const system = matchMedia('(prefers-color-scheme: dark)');

const opposite = (theme) => (theme === 'dark' ? 'light' : 'dark');
const systemTheme = () => (system.matches ? 'dark' : 'light');

/** Applies the theme, to the store too, and changes it with the button in the bar. */
export function bindTheme(store) {
  let chosen = remembered();
  const apply = () => {
    const theme = chosen ?? systemTheme();
    document.documentElement.dataset.theme = theme;
    byId('theme').setAttribute('aria-label', `Switch to the ${opposite(theme)} theme`);
    store.set({ theme });
  };
  byId('theme').addEventListener('click', () => {
    const next = opposite(chosen ?? systemTheme());
    chosen = next === systemTheme() ? null : next;
    remember(chosen);
    apply();
  });
  system.addEventListener('change', apply);
  apply();
}

// Storage may be switched off: nothing is remembered then.

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    if (theme) localStorage.setItem(KEY, theme);
    else localStorage.removeItem(KEY);
  } catch { /* as above */ }
}

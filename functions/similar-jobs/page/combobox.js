/** A text field with suggestions. */

import { byId, count, el } from './view.js';

/**
 * Makes an input and a list into a combobox (ARIA 1.2: focus stays in the input, the active option is pointed at).
 *
 * `find(words, signal)` gives the options, at once or later; `draw(option)` the nodes of one; `choose(option)` takes
 * one. `pause` is how long typing must rest before `find` is asked.
 */
export function combobox({ input, list, find, draw, choose, none = 'Nothing found', pause = 0 }) {
  let options = [];
  let active = -1;
  let pending = new AbortController();

  const attributes = { role: 'combobox', 'aria-autocomplete': 'list', 'aria-controls': list.id, 'aria-expanded': 'false', autocomplete: 'off' };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
  list.setAttribute('role', 'listbox');

  const close = () => {
    pending.abort();
    show([]);
    list.hidden = true;
    input.setAttribute('aria-expanded', 'false');
  };
  const take = (option) => {
    close();
    choose(option);
  };
  const point = (index) => {
    list.children[active]?.setAttribute('aria-selected', 'false');
    active = index;
    const node = options[active] && list.children[active];
    node?.setAttribute('aria-selected', 'true');
    node?.scrollIntoView({ block: 'nearest' });
    if (node) input.setAttribute('aria-activedescendant', node.id);
    else input.removeAttribute('aria-activedescendant');
  };
  const show = (found, otherwise) => {
    options = found;
    const rows = found.map((option, i) => el('li', { id: `${list.id}-${i}`, role: 'option', 'aria-selected': 'false', onclick: () => take(option) }, ...draw(option)));
    if (!rows.length && otherwise) rows.push(el('li', { role: 'option', 'aria-disabled': 'true', class: 'options-none' }, otherwise));
    list.replaceChildren(...rows);
    list.hidden = !rows.length;
    list.scrollTop = 0;
    input.setAttribute('aria-expanded', String(!list.hidden));
    if (rows.length) byId('live').textContent = found.length ? count(found.length, 'suggestion') : otherwise;
    point(-1);
  };
  const refresh = async (rest = pause) => {
    pending.abort();
    const { signal } = pending = new AbortController();
    // What is still shown answers older words: Enter must not take it.
    point(-1);
    options = [];
    if (rest) await new Promise((resolve) => setTimeout(resolve, rest));
    if (signal.aborted) return;
    try {
      const words = input.value.trim();
      const found = await find(words, signal);
      if (!signal.aborted) show(found, words ? none : '');
    } catch (problem) {
      if (!signal.aborted) show([], problem.detail ?? 'The suggestions could not be loaded.');
    }
  };

  input.addEventListener('input', () => refresh());
  input.addEventListener('click', () => list.hidden && refresh(0));
  input.addEventListener('blur', close);
  // A press in the list must not take the focus away: the list would close before the click arrives.
  list.addEventListener('mousedown', (event) => event.preventDefault());
  input.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (list.hidden) refresh(0);
      else if (options.length) point((active + step + options.length + (active < 0 && step < 0 ? 1 : 0)) % options.length);
    } else if (event.key === 'Enter' && !event.isComposing) {
      event.preventDefault();
      if (options.length && (active >= 0 || input.value.trim())) take(options[Math.max(active, 0)]);
      else refresh(0);
    } else if (event.key === 'Escape' && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  });
  return { close };
}

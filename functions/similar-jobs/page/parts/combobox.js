/** A text field with suggestions. */

import { announce, el } from '../dom.js';
import { count } from '../format.js';

/**
 * @template T
 * @typedef {object} Options
 * @property {HTMLInputElement} input
 * @property {HTMLElement} list with an id
 * @property {(words: string, signal: AbortSignal) => T[]|Promise<T[]>} find gives the options, at once or later
 * @property {(option: T) => (Node|string)[]} draw the nodes of an option
 * @property {(option: T) => void} choose takes an option
 * @property {string} [none] said where words have no options
 * @property {number} [pause] how long typing must rest before `find` is asked, in milliseconds
 */

/**
 * Makes an input and a list into a combobox (ARIA 1.2: focus stays in the input, the active option is pointed at).
 * Returns what closes it and aborts its request.
 * @param {Options<any>} options
 * @returns {() => void}
 */
export function bindCombobox(options) {
  const box = new Combobox(options);
  return () => box.close();
}

class Combobox {
  #input;
  #list;
  /** @type {Options<any>} */
  #of;
  #options = [];
  #active = -1;
  #pending = new AbortController();

  constructor(options) {
    this.#of = { none: 'Nothing found', pause: 0, ...options };
    this.#input = options.input;
    this.#list = options.list;
    const attributes = {
      role: 'combobox',
      'aria-autocomplete': 'list',
      'aria-controls': this.#list.id,
      'aria-expanded': 'false',
      autocomplete: 'off',
    };
    for (const [name, value] of Object.entries(attributes)) this.#input.setAttribute(name, value);
    this.#list.setAttribute('role', 'listbox');
    this.#listen();
  }

  #listen() {
    this.#input.addEventListener('input', () => this.#refresh());
    this.#input.addEventListener('click', () => this.#list.hidden && this.#refresh(0));
    this.#input.addEventListener('blur', () => this.close());
    this.#input.addEventListener('keydown', (event) => this.#press(event));
    // A press in the list must not take the focus away: the list would close before the click arrives.
    this.#list.addEventListener('mousedown', (event) => event.preventDefault());
  }

  close() {
    this.#pending.abort();
    this.#show([]);
    this.#list.hidden = true;
    this.#input.setAttribute('aria-expanded', 'false');
  }

  #take(option) {
    this.close();
    this.#of.choose(option);
  }

  /** Makes the option at this index the active one; none at -1. */
  #point(index) {
    this.#list.children[this.#active]?.setAttribute('aria-selected', 'false');
    this.#active = index;
    const node = this.#options[index] && this.#list.children[index];
    node?.setAttribute('aria-selected', 'true');
    node?.scrollIntoView({ block: 'nearest' });
    if (node) this.#input.setAttribute('aria-activedescendant', node.id);
    else this.#input.removeAttribute('aria-activedescendant');
  }

  /** Shows these options, or where there are none a sentence. */
  #show(options, otherwise = '') {
    this.#options = options;
    const rows = options.map((option, i) => this.#row(option, i));
    if (!rows.length && otherwise) {
      rows.push(el('li', { role: 'option', 'aria-disabled': 'true', class: 'options-none' }, otherwise));
    }
    this.#list.replaceChildren(...rows);
    this.#list.hidden = !rows.length;
    this.#list.scrollTop = 0;
    this.#input.setAttribute('aria-expanded', String(!this.#list.hidden));
    if (rows.length) announce(options.length ? count(options.length, 'suggestion') : otherwise);
    this.#point(-1);
  }

  #row(option, i) {
    const members = { id: `${this.#list.id}-${i}`, role: 'option', 'aria-selected': 'false' };
    return el('li', { ...members, onclick: () => this.#take(option) }, ...this.#of.draw(option));
  }

  async #refresh(pause = this.#of.pause) {
    this.#pending.abort();
    this.#pending = new AbortController();
    const { signal } = this.#pending;
    // What is still shown answers older words: Enter must not take it.
    this.#point(-1);
    this.#options = [];
    if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
    if (signal.aborted) return;
    try {
      const words = this.#input.value.trim();
      const found = await this.#of.find(words, signal);
      if (!signal.aborted) this.#show(found, words ? this.#of.none : '');
    } catch (problem) {
      if (!signal.aborted) this.#show([], problem.detail ?? 'The suggestions could not be loaded.');
    }
  }

  #press(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#move(step);
    else if (event.key === 'Enter' && !event.isComposing) this.#enter();
    else if (event.key === 'Escape' && !this.#list.hidden) {
      event.stopPropagation();
      this.close();
    } else return;
    event.preventDefault();
  }

  /** To the next or previous option, around the ends. */
  #move(step) {
    const many = this.#options.length;
    if (this.#list.hidden) this.#refresh(0);
    else if (many) this.#point((this.#active + step + many + (this.#active < 0 && step < 0 ? 1 : 0)) % many);
  }

  /** Takes the active option, or the first of the words typed. */
  #enter() {
    const isChosen = this.#active >= 0 || this.#input.value.trim();
    if (this.#options.length && isChosen) this.#take(this.#options[Math.max(this.#active, 0)]);
    else this.#refresh(0);
  }
}

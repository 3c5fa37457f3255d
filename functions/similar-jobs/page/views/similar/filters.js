/** The filters of a search, and the chips of those in use. */

import { el } from '../../dom.js';
import { number } from '../../format.js';
import { bindCombobox } from '../../parts/combobox.js';
import { COUNTS, NO_FILTERS, usedFilters } from './search.js';

/** Facets with the labels of their fields and lists. */
const FIELDS = [
  { facet: 'classification', label: 'Classification', options: 'Classifications' },
  { facet: 'location', label: 'Location', options: 'Locations' },
  { facet: 'work_type', label: 'Work type', options: 'Work types' },
  { facet: 'source', label: 'Source', options: 'Sources' },
];

export class Filters {
  #toggle = el('button', {
    type: 'button', class: 'filters-toggle', id: 'filters-toggle', 'aria-expanded': 'false', 'aria-controls': 'filters',
  }, 'Filters');
  #chips = el('ul', { class: 'chips', id: 'chips', 'aria-label': 'Filters in use', hidden: true });
  #salary = el('input', {
    id: 'f-salary', type: 'number', inputmode: 'numeric', min: 0, step: 500, placeholder: 'Any',
  });
  /** Four digits of the year, as the URL takes them. */
  #after = el('input', { id: 'f-after', type: 'date', max: '9999-12-31' });
  #count = el('select', { id: 'f-count' }, ...COUNTS.map((top) => el('option', { value: top }, `${top} ads`)));
  #reposts = el('input', { id: 'f-reposts', type: 'checkbox' });
  #fields = FIELDS.map(({ facet, label, options }) => ({
    facet,
    label,
    input: el('input', { id: `f-${facet}`, type: 'text', 'data-facet': facet, placeholder: 'Any' }),
    list: el('ul', { id: `l-${facet}`, class: 'options', 'aria-label': options, hidden: true }),
  }));
  #store;
  #actions;
  #unbind;

  /** The button that unfolds them on a narrow screen, the fields, and the chips. */
  elements = [this.#toggle, this.#group(), this.#chips];

  /**
   * @param {import('../../store.js').Store} store
   * @param {import('../similar.js').Actions} actions
   */
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    this.#unbind = this.#fields.map((field) => this.#bindFacet(field));
    const { narrow } = actions;
    this.#toggle.addEventListener('click', () => this.open(this.#toggle.getAttribute('aria-expanded') !== 'true'));
    this.#salary.addEventListener('change', () => {
      const { value } = this.#salary;
      if (this.#salary.checkValidity()) narrow({ salary: value === '' ? null : Number(value) });
    });
    this.#after.addEventListener('change', () => narrow({ after: this.#after.value }));
    this.#count.addEventListener('change', () => narrow({ top: Number(this.#count.value) }));
    this.#reposts.addEventListener('change', () => narrow({ reposts: this.#reposts.checked }));
  }

  unmount() {
    for (const unbind of this.#unbind) unbind();
  }

  /** Unfolds or folds the fields, where the screen is narrow. */
  open(isOpen) {
    this.#toggle.setAttribute('aria-expanded', String(isOpen));
  }

  /** @param {import('./search.js').Search} search */
  show(search) {
    this.#salary.value = search.salary ?? '';
    this.#after.value = search.after;
    this.#count.value = search.top;
    this.#reposts.checked = search.reposts;
    for (const { facet, input } of this.#fields) {
      const values = search.filter[facet];
      input.placeholder = values.length > 1 ? `${values.length} chosen` : values[0] ?? 'Any';
      input.classList.toggle('chosen', values.length > 0);
    }
    this.#showChips(usedFilters(search));
  }

  #showChips(used) {
    const clear = { type: 'button', class: 'quiet', onclick: () => this.#actions.narrow(NO_FILTERS) };
    const clearAll = used.length > 1 && el('li', {}, el('button', clear, 'Clear all'));
    const chips = used.map(({ text, without }) => chip(text, () => this.#actions.narrow(without)));
    this.#chips.hidden = !used.length;
    this.#chips.replaceChildren(...[...chips, clearAll].filter(Boolean));
    this.#toggle.textContent = used.length ? `Filters (${used.length})` : 'Filters';
  }

  #group() {
    return el('div', { class: 'filters', id: 'filters', role: 'group', 'aria-label': 'Filters' },
      ...this.#fields.map(({ label, input, list }) => labelled('field combo', label, input, list)),
      labelled('field', 'SGD a month, from', this.#salary),
      labelled('field', 'Posted after', this.#after),
      labelled('field field-count', 'Show', this.#count),
      el('label', { class: 'check' }, this.#reposts, el('span', {}, 'Include reposts')));
  }

  /** Suggests the values of a facet, most frequent first, without those already chosen. */
  #bindFacet({ facet, input, list }) {
    const chosen = () => this.#actions.search().filter[facet];
    const find = (words) => {
      const isMatch = ({ value }) => value.toLowerCase().includes(words.toLowerCase()) && !chosen().includes(value);
      return (this.#store.state.index?.filters?.[facet] ?? []).filter(isMatch);
    };
    const choose = ({ value }) => {
      input.value = '';
      this.#actions.narrow({ filter: { ...this.#actions.search().filter, [facet]: [...chosen(), value] } });
    };
    const unbind = bindCombobox({ input, list, find, draw, choose, none: 'No such value in the index' });
    // What was typed but not chosen filters nothing; leaving it there would say otherwise.
    input.addEventListener('blur', () => (input.value = ''));
    return unbind;
  }
}

const labelled = (name, label, input, ...more) =>
  el('div', { class: name }, el('label', { for: input.id }, label), input, ...more);

const draw = ({ value, jobs }) => [
  el('span', { class: 'option-title' }, value),
  el('span', { class: 'option-count' }, number(jobs)),
];

function chip(text, onclick) {
  const members = { type: 'button', class: 'chip', 'aria-label': `Remove filter: ${text}`, onclick };
  return el('li', {}, el('button', members, el('span', {}, text), el('span', { 'aria-hidden': 'true' }, '×')));
}

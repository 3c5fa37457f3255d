/** The form of a search: what to start from, a description or an ad, and the filters. */

import { titleOf } from '../../ads.js';
import { call } from '../../api.js';
import { el } from '../../dom.js';
import { bindCombobox } from '../../parts/combobox.js';
import { Filters } from './filters.js';

/** How many ads are suggested, and how long typing must rest before they are. */
const SUGGESTIONS = 12;
const PAUSE_MS = 180;

const TEXT = {
  id: 'text',
  rows: 1,
  maxlength: 20000,
  enterkeyhint: 'search',
  spellcheck: 'false',
  'aria-describedby': 'text-hint',
  placeholder: 'Nurse, night shifts, paediatrics',
};
const AD = {
  id: 'ad', type: 'text', enterkeyhint: 'search', spellcheck: 'false', placeholder: 'Title or company of an ad',
};

export class Form {
  #text = el('textarea', TEXT);
  #ad = el('input', AD);
  #adList = el('ul', { id: 'ad-list', class: 'options', 'aria-label': 'Ads', hidden: true });
  #lines = { text: this.#textLine(), ad: this.#adLine() };
  #radios = { text: radio('text', true), ad: radio('ad', false) };
  #filters;
  #actions;
  #unbindAds;

  /**
   * @param {import('../../store.js').Store} store
   * @param {import('../similar.js').Actions} actions
   */
  constructor(store, actions) {
    this.#actions = actions;
    this.#filters = new Filters(store, actions);
    const modes = el('div', { class: 'modes', role: 'radiogroup', 'aria-label': 'What to start from' },
      el('label', {}, this.#radios.text, el('span', {}, 'Describe a job')),
      el('label', {}, this.#radios.ad, el('span', {}, 'Start from an ad')));
    const members = { class: 'ask', id: 'ask', role: 'search', 'aria-label': 'Similar jobs', autocomplete: 'off' };
    this.element = el('form', members, modes, this.#lines.text, this.#lines.ad, ...this.#filters.elements);
    this.#unbindAds = this.#bindAds();
    this.#listen();
  }

  unmount() {
    this.#unbindAds();
    this.#filters.unmount();
  }

  /** The description that is typed, sent or not; '' where the form starts from an ad. */
  get typed() {
    return this.#lines.text.hidden ? '' : this.#text.value.trim();
  }

  focus() {
    (this.#lines.ad.hidden ? this.#text : this.#ad).focus();
  }

  foldFilters() {
    this.#filters.open(false);
  }

  /** Starts from a description ('text') or an ad ('ad'). */
  setMode(mode) {
    this.#radios[mode].checked = true;
    this.#lines.text.hidden = mode !== 'text';
    this.#lines.ad.hidden = mode !== 'ad';
  }

  /**
   * @param {import('./search.js').Search} search
   * @param {import('../../ads.js').Ad|undefined} start the ad started from, where it is known
   */
  show(search, start) {
    if (search.ad || search.text) this.setMode(search.ad ? 'ad' : 'text');
    this.#text.value = search.text;
    this.showStart(start);
    this.#filters.show(search);
  }

  /** Writes the title of the ad started from. */
  showStart(ad) {
    this.#ad.value = ad ? titleOf(ad) : '';
  }

  #textLine() {
    return el('div', { class: 'line', id: 'line-text' },
      el('label', { class: 'unseen', for: 'text' }, 'Description of the job'),
      this.#text,
      slash(),
      el('button', { type: 'submit', class: 'go' }, 'Find jobs'),
      el('span', { class: 'unseen', id: 'text-hint' }, 'Enter searches, Shift and Enter begins a new line.'));
  }

  #adLine() {
    return el('div', { class: 'line combo', id: 'line-ad', hidden: true },
      el('label', { class: 'unseen', for: 'ad' }, 'Title or company of an ad'),
      this.#ad,
      slash(),
      this.#adList);
  }

  #listen() {
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.#text.value.trim();
      if (text) this.#actions.visit({ text, ad: null });
      else this.#text.focus();
    });
    this.#text.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.element.requestSubmit();
    });
    for (const [mode, input] of Object.entries(this.#radios)) {
      input.addEventListener('change', () => this.setMode(mode));
    }
    this.#ad.addEventListener('focus', () => this.#ad.select());
  }

  #bindAds() {
    return bindCombobox({
      input: this.#ad,
      list: this.#adList,
      pause: PAUSE_MS,
      none: 'No ad has these words in its title or company',
      find: findAds,
      draw: drawAd,
      choose: (ad) => this.#actions.open(ad),
    });
  }
}

const slash = () => el('kbd', { 'aria-hidden': 'true' }, '/');

const radio = (value, checked) => el('input', { type: 'radio', name: 'mode', value, checked });

/** Ads with these words in title or company. */
async function findAds(words, signal) {
  if (!words) return [];
  const query = new URLSearchParams({ q: words, limit: String(SUGGESTIONS) });
  return (await call(`/v1/jobs?${query}`, { signal })).jobs;
}

const drawAd = (ad) => [
  el('span', { class: 'option-title' }, titleOf(ad)),
  el('span', { class: 'option-more' }, [ad.company_name, ad.job_location, ad.source].filter(Boolean).join(' · ')),
];

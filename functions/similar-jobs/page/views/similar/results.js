/** The list of results, and what is shown in its place: examples at first, skeletons while waiting, problems. */

import { titleOf } from '../../ads.js';
import { announce, el } from '../../dom.js';
import { count } from '../../format.js';
import { resultCard, skeletons, startCard } from '../../parts/cards.js';
import { actionButton, message, problemMessage } from '../../parts/message.js';
import { NO_FILTERS, usedFilters } from './search.js';

const TITLE = 'Similar jobs';
const EXAMPLES = [
  'Nurse, night shifts, paediatrics',
  'Backend developer with Rust or Go, remote',
  'Accountant, month-end closing, IFRS',
  'Warehouse assistant, forklift licence',
  'Primary school teacher, English',
];
const EXPLANATION = 'Ads are compared by what they mean: “care for sick children at night” finds paediatric nurses. '
  + 'Or pick a point of the map to start from that ad.';

export class Results {
  #list = el('div', { id: 'list' });
  element = el('section', { class: 'results', id: 'results', tabindex: -1, 'aria-labelledby': 'results-title' },
    el('h2', { id: 'results-title', class: 'unseen' }, 'Results'),
    this.#list);
  #actions;
  #hover;

  /**
   * @param {import('../similar.js').Actions} actions
   * @param {(ad: import('../../ads.js').Ad|null) => void} hover the reader points at a result, or at none
   */
  constructor(actions, hover) {
    this.#actions = actions;
    this.#hover = hover;
  }

  focus() {
    this.element.focus({ preventScroll: true });
  }

  /** Marks the card of the ad that the reader points at elsewhere. */
  point(key) {
    for (const card of this.#list.querySelectorAll('[data-key]')) {
      card.classList.toggle('pointed', card.dataset.key === key);
    }
  }

  /** @param {import('../../store.js').State} state */
  show({ searching, answer, problem }) {
    this.element.setAttribute('aria-busy', String(searching));
    if (searching) this.#showSearching();
    else if (problem) this.#showProblem(problem);
    else if (answer) this.#showAnswer(answer);
    else this.#showExamples();
  }

  #showSearching() {
    // What is on the page stays, dimmed: less flicker than an empty page for a few milliseconds.
    if (this.#list.querySelector('.card')) return;
    this.#list.replaceChildren(skeletons(Math.min(this.#actions.search().top, 5)));
  }

  #showProblem(problem) {
    this.#list.replaceChildren(problemMessage(problem, this.#actions.load));
    announce(`${problem.title}. ${problem.detail}`);
  }

  #showAnswer({ results, start }) {
    const title = start ? titleOf(start) : this.#actions.search().text;
    document.title = `${title.slice(0, 60)} – ${TITLE}`;
    const nodes = [
      start && startCard(start, this.#actions.startOver),
      results.length > 0 && heading(results.length),
      results.length > 0 ? this.#cards(results) : this.#nothingFound(),
    ];
    this.#list.replaceChildren(...nodes.filter(Boolean));
    announce(`${results.length ? count(results.length, 'similar ad') : 'No similar ads'} found.`);
  }

  #cards(results) {
    const on = { like: this.#actions.startFrom, hover: this.#hover };
    return el('ol', { class: 'cards' }, ...results.map((ad) => resultCard(ad, on)));
  }

  #nothingFound() {
    if (!usedFilters(this.#actions.search()).length) {
      const advice = 'Describe the job in a few more words: its title, its tasks, its tools.';
      return message('Nothing similar found', advice);
    }
    const clear = actionButton('Clear the filters', () => this.#actions.narrow(NO_FILTERS));
    return message('Nothing matches all filters', 'Remove one, or look among all ads.', clear);
  }

  #showExamples() {
    document.title = TITLE;
    const example = (text) => {
      const onclick = () => this.#actions.visit({ text, ad: null });
      return el('li', {}, el('button', { type: 'button', class: 'example', onclick }, text));
    };
    this.#list.replaceChildren(el('div', { class: 'welcome' },
      el('h3', {}, 'Try one of these'),
      el('ul', {}, ...EXAMPLES.map(example)),
      el('p', {}, EXPLANATION)));
  }
}

function heading(many) {
  const scale = el('span', { class: 'found-scale', 'aria-hidden': 'true' }, 'Similarity');
  return el('p', { class: 'found' }, `${count(many, 'ad')}, most similar first`, scale);
}

/**
 * The page: what is asked (kept in the URL), the service's answers, and the controls that change either.
 *
 * One way round: a control changes `state`, `visit` writes the URL, `run` reads `state` and shows the answer. Back and
 * a shared link enter at the same place, by reading `state` from the URL.
 */

import { FACETS, readUrl, writeUrl } from './address.js';
import { combobox } from './combobox.js';
import { createMap } from './map.js';
import { Problem, call, similarCall, supersede } from './service.js';
import { bindTheme, byId, count, date, el, keyOf, message, number, problemMessage, resultCard, skeletons, startCard, titleOf, took } from './view.js';

const MAP_POINTS = 5000;
const EXAMPLES = ['Nurse, night shifts, paediatrics', 'Backend developer with Rust or Go, remote', 'Accountant, month-end closing, IFRS', 'Warehouse assistant, forklift licence', 'Primary school teacher, English'];

let state = readUrl();
let index = null; // what the service said of its index
let answer = null; // the last answer shown: { results, start, took_ms }
const known = new Map(); // ads seen so far by key, so that starting from one need not ask for it again

const map = createMap({ start: startFrom, hovered: markResult });

/** The ad itself, from what was seen or from the service. */
async function loadAd(ad, signal) {
  const seen = known.get(keyOf(ad));
  return seen ?? (await call(`/v1/jobs/${encodeURIComponent(ad.source)}/${encodeURIComponent(ad.job_id)}`, { signal })).job;
}

// ---- The search

/** Goes to a changed state: a new entry of the history, then the search. */
function visit(change) {
  state = { ...state, ...change };
  const url = writeUrl(state);
  const move = url === location.pathname + location.search ? 'replaceState' : 'pushState';
  history[move]({ text: state.text }, '', url);
  showForm();
  run();
}

/** Changes filters; a description that is typed but not yet sent is taken along rather than lost. */
function narrow(change) {
  const typed = byId('line-text').hidden ? '' : byId('text').value.trim();
  visit({ ...(typed && { text: typed, ad: null }), ...change });
}

async function run() {
  const signal = supersede('search');
  const { ad, text } = state;
  if (!ad && !text) return showWelcome();
  showBusy();
  try {
    const [path, body] = similarCall(state);
    // The ad itself is decoration: what is wrong with the search is the better explanation.
    const [found, start] = await Promise.all([call(path, { body, signal }), ad && loadAd(ad, signal).catch(() => ad)]);
    showAnswer({ ...found, start });
  } catch (problem) {
    showProblem(problem);
  }
}

/** Starts from an ad: a result, a suggestion, or a point of the map. */
function startFrom(ad) {
  visit({ ad: { source: ad.source, job_id: ad.job_id }, text: '' });
  openFilters(false); // where they fold, they would stand between the reader and the ad
  showPane('list');
  byId('results').focus({ preventScroll: true });
  byId('ask').scrollIntoView({ block: 'start', behavior: 'instant' });
}

function showBusy() {
  byId('results').setAttribute('aria-busy', 'true');
  document.body.classList.add('asked');
  // What is on the page stays, dimmed: less flicker than an empty page for a few milliseconds.
  if (!byId('list').querySelector('.card')) byId('list').replaceChildren(skeletons(Math.min(state.top, 5)));
}

function showList(...nodes) {
  byId('results').setAttribute('aria-busy', 'false');
  byId('list').replaceChildren(...nodes.filter(Boolean));
}

function showAnswer(found) {
  answer = found;
  for (const ad of [...found.results, found.start].filter(Boolean)) known.set(keyOf(ad), ad);
  const { results, start } = found;
  if (start) byId('ad').value = titleOf(start);
  const title = start ? titleOf(start) : state.text;
  document.title = `${title.slice(0, 60)} – Similar jobs`;
  const heading = results.length > 0 && el('p', { class: 'found' }, `${count(results.length, 'ad')}, most similar first`, el('span', { class: 'found-scale', 'aria-hidden': 'true' }, 'Similarity'));
  showList(
    start && startCard(start, startOver),
    heading,
    results.length ? el('ol', { class: 'cards' }, ...results.map((ad) => resultCard(ad, { onlike: startFrom, onhover: map.hover }))) : nothingFound());
  byId('live').textContent = `${results.length ? count(results.length, 'similar ad') : 'No similar ads'} found.`;
  markMap();
  showFoot();
}

function nothingFound() {
  return filterChips().length
    ? message('Nothing matches all filters', 'Remove one, or look among all ads.', el('button', { type: 'button', class: 'go', onclick: clearFilters }, 'Clear the filters'))
    : message('Nothing similar found', 'Describe the job in a few more words: its title, its tasks, its tools.');
}

function showProblem(problem) {
  if (!(problem instanceof Problem)) throw problem;
  answer = null;
  showList(problemMessage(problem, load));
  byId('live').textContent = `${problem.title}. ${problem.detail}`;
  markMap();
}

function showWelcome() {
  answer = null;
  document.title = 'Similar jobs';
  document.body.classList.remove('asked');
  const example = (text) => el('li', {}, el('button', { type: 'button', class: 'example', onclick: () => visit({ text, ad: null }) }, text));
  showList(el('div', { class: 'welcome' },
    el('h3', {}, 'Try one of these'), el('ul', {}, ...EXAMPLES.map(example)),
    el('p', {}, 'Ads are compared by what they mean: “care for sick children at night” finds paediatric nurses. Or pick a point of the map to start from that ad.')));
  markMap();
}

function startOver() {
  visit({ ad: null, text: '' });
  setMode('text');
  byId('text').focus();
}

// ---- The map

async function loadMap() {
  const note = byId('map-message');
  note.hidden = false;
  note.replaceChildren('Loading the map…');
  try {
    const { points } = await call(`/v1/map?limit=${MAP_POINTS}`, { signal: supersede('map') });
    map.setPoints(points);
    note.hidden = points.length > 0;
    note.replaceChildren('No ads to show yet.');
    markMap();
  } catch {
    // Why is said once, where the results would be.
    note.replaceChildren(el('p', {}, 'The map could not be loaded.'), el('button', { type: 'button', class: 'quiet', onclick: load }, 'Try again'));
  }
}

function markMap() {
  const shown = map.highlight(answer?.results ?? [], answer?.start ?? null);
  const [points, jobs] = [map.points(), index?.jobs ?? 0];
  // The service draws ads of one text once; only where it has more texts than were asked for is the map a sample.
  const sample = !points ? '' : jobs <= points ? `${count(points, 'ad')}. ` : points < MAP_POINTS ? `${count(jobs, 'ad')}, those of one text as one point. ` : `${number(points)} of ${count(jobs, 'ad')}. `;
  const marked = answer?.results.length && points ? `${shown === answer.results.length ? 'All' : `${shown} of`} ${count(answer.results.length, 'result')} marked.` : 'Ads that say similar things lie close together.';
  byId('market-note').textContent = sample + marked;
}

/** Marks the result that the map points at. */
function markResult(key) {
  for (const card of byId('list').querySelectorAll('[data-key]')) card.classList.toggle('pointed', card.dataset.key === key);
}

function showPane(name) {
  document.body.dataset.pane = name;
  for (const button of document.querySelectorAll('[data-show]')) button.setAttribute('aria-pressed', String(button.dataset.show === name));
}

// ---- The form

function setMode(mode) {
  document.querySelector(`[name=mode][value=${mode}]`).checked = true;
  byId('line-text').hidden = mode !== 'text';
  byId('line-ad').hidden = mode !== 'ad';
}

/** The field of the mode in use. */
const field = () => byId(byId('line-ad').hidden ? 'text' : 'ad');

/** Shows `state` in the form. */
function showForm() {
  if (state.ad || state.text) setMode(state.ad ? 'ad' : 'text');
  byId('text').value = state.text;
  const seen = state.ad && known.get(keyOf(state.ad));
  byId('ad').value = seen ? titleOf(seen) : '';
  byId('f-salary').value = state.salary ?? '';
  byId('f-after').value = state.after;
  byId('f-count').value = state.top;
  byId('f-reposts').checked = state.reposts;
  showChips();
}

/** The filters in use: what each says, and the state without it. */
function filterChips() {
  const facets = FACETS.flatMap((name) => state.filter[name].map((value) => ({
    text: value,
    without: { filter: { ...state.filter, [name]: state.filter[name].filter((one) => one !== value) } },
  })));
  if (state.salary != null) facets.push({ text: `From SGD ${number(state.salary)} a month`, without: { salary: null } });
  if (state.after) facets.push({ text: `Posted after ${date(state.after) ?? state.after}`, without: { after: '' } });
  return facets;
}

function showChips() {
  const used = filterChips();
  const chip = ({ text, without }) => el('li', {}, el('button', { type: 'button', class: 'chip', 'aria-label': `Remove filter: ${text}`, onclick: () => narrow(without) },
    el('span', {}, text), el('span', { 'aria-hidden': 'true' }, '×')));
  byId('chips').hidden = !used.length;
  byId('chips').replaceChildren(...used.map(chip), ...(used.length > 1 ? [el('li', {}, el('button', { type: 'button', class: 'quiet', onclick: clearFilters }, 'Clear all'))] : []));
  for (const input of document.querySelectorAll('[data-facet]')) {
    const values = state.filter[input.dataset.facet];
    input.placeholder = values.length > 1 ? `${values.length} chosen` : values[0] ?? 'Any';
    input.classList.toggle('chosen', values.length > 0);
  }
  byId('filters-toggle').textContent = used.length ? `Filters (${used.length})` : 'Filters';
}

function clearFilters() {
  narrow({ filter: Object.fromEntries(FACETS.map((name) => [name, []])), salary: null, after: '' });
}

/** Unfolds the filters, which fold on a narrow screen. */
const openFilters = (open) => byId('filters-toggle').setAttribute('aria-expanded', String(open));

/** Suggests the values of a facet, most frequent first, without those already chosen. */
function bindFacet(input) {
  const name = input.dataset.facet;
  combobox({
    input,
    list: input.nextElementSibling,
    none: 'No such value in the index',
    find: (words) => (index?.filters?.[name] ?? []).filter(({ value }) => value.toLowerCase().includes(words.toLowerCase()) && !state.filter[name].includes(value)),
    draw: ({ value, jobs }) => [el('span', { class: 'option-title' }, value), el('span', { class: 'option-count' }, number(jobs))],
    choose: ({ value }) => {
      input.value = '';
      narrow({ filter: { ...state.filter, [name]: [...state.filter[name], value] } });
    },
  });
  // What was typed but not chosen filters nothing; leaving it there would say otherwise.
  input.addEventListener('blur', () => (input.value = ''));
}

function bindAds() {
  combobox({
    input: byId('ad'),
    list: byId('ad-list'),
    pause: 180,
    none: 'No ad has these words in its title or company',
    find: async (words, signal) => (words ? (await call(`/v1/jobs?${new URLSearchParams({ q: words, limit: 12 })}`, { signal })).jobs : []),
    draw: (ad) => [el('span', { class: 'option-title' }, titleOf(ad)), el('span', { class: 'option-more' }, [ad.company_name, ad.job_location, ad.source].filter(Boolean).join(' · '))],
    choose: (ad) => {
      known.set(keyOf(ad), ad);
      visit({ ad: { source: ad.source, job_id: ad.job_id }, text: '' });
    },
  });
}

function bindForm() {
  byId('ask').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = byId('text').value.trim();
    if (text) visit({ text, ad: null });
    else byId('text').focus();
  });
  byId('text').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId('ask').requestSubmit();
  });
  for (const radio of document.querySelectorAll('[name=mode]')) radio.addEventListener('change', () => setMode(radio.value));
  byId('ad').addEventListener('focus', () => byId('ad').select());
  byId('f-salary').addEventListener('change', ({ target }) => target.checkValidity() && narrow({ salary: target.value === '' ? null : Number(target.value) }));
  byId('f-after').addEventListener('change', ({ target }) => narrow({ after: target.value }));
  byId('f-count').addEventListener('change', ({ target }) => narrow({ top: Number(target.value) }));
  byId('f-reposts').addEventListener('change', ({ target }) => narrow({ reposts: target.checked }));
  byId('filters-toggle').addEventListener('click', ({ target }) => openFilters(target.getAttribute('aria-expanded') !== 'true'));
  for (const button of document.querySelectorAll('[data-show]')) button.addEventListener('click', () => showPane(button.dataset.show));
  document.querySelectorAll('[data-facet]').forEach(bindFacet);
  bindAds();
}

/** "/" goes to the search field, as on many sites, unless one is typing. */
function bindKeys() {
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input:not([type=radio], [type=checkbox]), textarea, select')) return;
    event.preventDefault();
    field().focus();
  });
}

// ---- The foot

async function loadIndex() {
  try {
    const said = await call('/v1/index', { signal: supersede('index') });
    if (!said.jobs) throw new Problem(503, { title: 'There are no ads to search yet', type: 'no-index' });
    index = said;
    byId('bar-fact').textContent = count(index.jobs, 'ad');
    showFoot();
    markMap();
  } catch (problem) {
    if (!state.ad && !state.text) showProblem(problem);
  }
}

function showFoot() {
  if (!index) return;
  const recall = new Intl.NumberFormat('en-SG', { style: 'percent', maximumFractionDigits: 1 });
  const facts = [
    `Index ${index.index_version ?? 'not built'}${date(index.published_at) ? ` of ${date(index.published_at)}` : ''}`,
    index.model_version && `Model ${index.model_version}`,
    count(index.jobs, 'ad'),
    index.recall_at_10 != null && `Recall ${recall.format(index.recall_at_10)} of the ten nearest`,
    index.search === 'warehouse' && 'Searching the warehouse itself, which is slower than an index',
    answer?.took_ms != null && `Answered in ${took(answer.took_ms)}`,
  ];
  byId('foot').replaceChildren(...facts.filter(Boolean).map((fact) => el('span', {}, fact)));
}

/** Searches, and gets what the page does not have yet; also what "Try again" does. */
function load() {
  run();
  if (!index) loadIndex();
  if (!map.points()) loadMap();
}

addEventListener('popstate', () => {
  state = readUrl();
  showForm();
  run();
});
bindTheme(map.restyle);
bindForm();
bindKeys();
showForm();
load();

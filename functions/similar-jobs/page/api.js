/** Requests to the service: a call, what can go wrong with it, and the abort of those that are no longer needed. */

/** Titles of problems by status; for other statuses the service's own title is shown. */
const TITLES = {
  400: 'The service did not understand the search',
  404: 'The ad is not in the index',
  503: 'The service cannot answer just now',
};

const UNREACHABLE = {
  title: 'The service cannot be reached',
  detail: 'Check the connection, or whether the service is running.',
};

/** What went wrong, in words that can be shown. */
export class Problem extends Error {
  /**
   * @param {number} status of the answer, 0 where there was none
   * @param {{title?: string, detail?: string, type?: string}} content of the answer (problem+json)
   * @param {number|null} [retryAfter] seconds that the service asks to wait
   */
  constructor(status, { title, detail, type }, retryAfter = null) {
    super(detail ?? title);
    this.status = status;
    this.retryAfter = retryAfter;
    this.title = TITLES[status] ?? title ?? 'Something went wrong';
    this.detail = detail ?? '';
    this.retryable = status === 0 || status === 408 || status === 429 || status >= 500;
    this.needsIndex = /no-index|build-vector-index/.test(`${type} ${detail}`);
  }
}

/**
 * Sends a GET, or a POST where there is a body, and gives the JSON of the answer. Throws a `Problem` otherwise; the
 * promise of an aborted request is never settled.
 * @param {string} path
 * @param {{body?: object, signal?: AbortSignal}} [options]
 */
export async function call(path, { body, signal } = {}) {
  try {
    const response = await fetch(path, { ...(body && post(body)), signal });
    const content = await response.json().catch((error) => (signal?.aborted ? Promise.reject(error) : {}));
    if (response.ok) return content;
    const retryAfter = Number(response.headers.get('Retry-After')) || null;
    throw new Problem(response.status, { title: `The service answered ${response.status}`, ...content }, retryAfter);
  } catch (error) {
    if (signal?.aborted) return new Promise(() => {});
    throw error instanceof Problem ? error : new Problem(0, UNREACHABLE);
  }
}

const post = (body) => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'Content-Type': 'application/json' },
});

/** The requests of a view: one of each kind at a time. */
export class Requests {
  /** @type {Map<string, AbortController>} */
  #running = new Map();

  /** A signal for the newest request of its kind; aborts the one before. */
  signal(kind) {
    this.#running.get(kind)?.abort();
    const controller = new AbortController();
    this.#running.set(kind, controller);
    return controller.signal;
  }

  /** Aborts all requests. */
  abort() {
    for (const controller of this.#running.values()) controller.abort();
  }
}

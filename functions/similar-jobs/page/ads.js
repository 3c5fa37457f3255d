/** What ads are called, how they are told apart, and where they lead. */

/**
 * An ad as the service gives it; members that are not known are null.
 * @typedef {object} Ad
 * @property {string} source
 * @property {string} job_id
 * @property {string|null} [job_title]
 * @property {string|null} [company_name]
 * @property {string|null} [job_location]
 * @property {string|null} [job_classification]
 * @property {string|null} [job_work_type]
 * @property {number|null} [salary_min_per_month]
 * @property {number|null} [salary_max_per_month]
 * @property {string|null} [currency]
 * @property {string|null} [job_url]
 * @property {string|null} [posted]
 * @property {number} [x] with `y`: where the map draws the ad
 * @property {number} [y]
 * @property {number|{id: number, name: string}|null} [cluster] on the map only its id
 * @property {number} [rank] of a result, as the members below
 * @property {number} [score]
 * @property {number} [reposts]
 * @property {{text: string}[]} [why]
 */

/** The title of an ad, or what stands for a missing one. */
export const titleOf = (ad) => ad.job_title?.trim() || 'Untitled ad';

/** The key of an ad, equal in all answers. */
export const keyOf = (ad) => `${ad.source} ${ad.job_id}`;

/** The URL if it leads to the web; null for `javascript:`, `data:` and what is no URL. */
export function webUrl(text) {
  const url = URL.canParse(text ?? '') ? new URL(text) : null;
  return url && /^https?:$/.test(url.protocol) ? url.href : null;
}

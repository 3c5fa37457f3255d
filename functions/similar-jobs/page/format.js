/** Numbers, dates and amounts of money in words. */

/** English, with days before months and the market's own currency. */
const LOCALE = 'en-SG';

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const hundredths = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percent = new Intl.NumberFormat(LOCALE, { style: 'percent', maximumFractionDigits: 1 });
const monthOfYear = new Intl.DateTimeFormat(LOCALE, { month: 'short', year: 'numeric', timeZone: 'UTC' });
const day = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });

/** 12345 as "12,345". */
export const number = (value) => whole.format(value);

/** A number and its noun: "1 ad", "2 ads". */
export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? '' : 's'}`;

/** A similarity: 0.5 as "0.50". */
export const score = (value) => hundredths.format(value);

/** A share of one: 0.985 as "98.5%". */
export const share = (value) => percent.format(value);

/** A duration in milliseconds, with a tenth below ten. */
export const took = (ms) =>
  `${new Intl.NumberFormat(LOCALE, { maximumFractionDigits: ms < 10 ? 1 : 0 }).format(ms)} ms`;

/** Formats a timestamp as a date; null if it is not a valid timestamp. */
export function date(moment) {
  const at = new Date(moment ?? NaN);
  return Number.isNaN(at.getTime()) ? null : day.format(at);
}

/** A month such as 2025-01 in words. */
export const month = (text) => monthOfYear.format(new Date(`${text}-01T00:00:00Z`));

/** A range of salaries in the ad's currency; null where neither end is known. */
export function salary(min, max, currency) {
  if (min == null && max == null) return null;
  const format = money(currency?.trim() || 'SGD');
  if (min == null) return `up to ${format.format(max)} a month`;
  if (max == null) return `from ${format.format(min)} a month`;
  const [low, high] = [Math.min(min, max), Math.max(min, max)];
  return `${low === high ? format.format(low) : format.formatRange(low, high)} a month`;
}

/** The format of amounts. Boards write any text as a currency: one without a code is put before the amount. */
function money(currency) {
  const options = { maximumFractionDigits: 0 };
  try {
    return new Intl.NumberFormat(LOCALE, { ...options, style: 'currency', currencyDisplay: 'code', currency });
  } catch {
    const plain = new Intl.NumberFormat(LOCALE, options);
    return {
      format: (amount) => `${currency} ${plain.format(amount)}`,
      formatRange: (from, to) => `${currency} ${plain.formatRange(from, to)}`,
    };
  }
}

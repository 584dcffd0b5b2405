// What scripts say, in the language of the page: the page hands over the words and forms that are not English.
const handed = document.getElementById("words");
const { words = {}, numbers = null, times = null } = handed ? JSON.parse(handed.textContent) : {};

/** The language of the page, as numbers and dates are written in it. */
export const language = document.documentElement.lang || "en";

/** How charts write numbers, as d3-format names the parts; percent as everywhere on the pages. */
export const formatLocale = numbers ?? { decimal: ".", thousands: ",", grouping: [3], currency: ["$", ""], percent: "\u202f%" };

/** What charts call days and months, as d3-time-format names the parts; nothing for English. */
export const timeFormatLocale = times ?? undefined;

/** An English text in the language of the page; `{}` in it stands for `value`. */
export function tr(text, value = "") {
  return (words[text] ?? text).replace("{}", () => value);
}

// What a reader types into a filter: `<= 200M`, `> 1.5k`, `10M..50M`, `0.1%`, or part of a word.

const UNITS = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, "%": 0.01 };
const QUANTITY = "([-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[-+]?\\d+)?)\\s*([kmgt%]?)";
const RANGE = new RegExp(`^${QUANTITY}\\s*\\.\\.\\s*${QUANTITY}$`, "i");
const BOUND = new RegExp(`^(<=|>=|<|>|=|≤|≥)?\\s*${QUANTITY}$`, "i");
// Typed numbers are rounded as cells are: "=3.33%" finds 0.033298.
const ROUNDING = 1e-3;

function quantity(digits, unit) { return Number(digits) * UNITS[unit.toLowerCase()]; }

/** A test of one number; null for nothing typed; undefined for something that is no filter. */
function numberTest(text) {
  const word = text.trim().replace(/,/g, "");
  if (!word) return null;
  const range = word.match(RANGE);
  if (range) {
    const low = quantity(range[1], range[2]), high = quantity(range[3], range[4]);
    return (value) => value >= low && value <= high;
  }
  const bound = word.match(BOUND);
  if (!bound) return undefined;
  const limit = quantity(bound[2], bound[3]);
  switch (bound[1]) {
    case "<": return (value) => value < limit;
    case ">": return (value) => value > limit;
    case "<=": case "≤": return (value) => value <= limit;
    case ">=": case "≥": return (value) => value >= limit;
    default: return (value) => Math.abs(value - limit) <= ROUNDING * Math.abs(limit);
  }
}

/** A test of a row by one column, null for nothing typed, undefined for what is no filter. */
function rowTest(column, text) {
  if (column.text) {
    const part = text.trim().toLowerCase();
    if (!part) return null;
    const exactly = isChoice(column);
    const fits = column.words.map((word) =>
      exactly ? word.toLowerCase() === part : word.toLowerCase().includes(part));
    return (row) => fits[column.codes[row]];
  }
  const test = numberTest(text);
  return test && ((row) => test(column.numbers[row]));
}

/** Few enough words to choose from a list. */
function isChoice(column) { return column.text && column.words.length <= 24; }

/** A test for a search: every word of it occurs in some text column of the row. */
function searchTest(table, text) {
  const parts = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!parts.length) return null;
  const columns = table.columns.filter((column) => column.text);
  const fits = parts.map((part) => columns.map((column) =>
    column.words.map((word) => word.toLowerCase().includes(part))));
  return (row) => fits.every((found) => found.some((words, k) => words[columns[k].codes[row]]));
}

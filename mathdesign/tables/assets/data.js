"use strict";
// The table as the page holds it, and how its values are written. Nothing here touches the page
// but `el`, which makes every element: text is always text, never HTML.

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

async function unpacked(id) {
  const text = document.getElementById(id).textContent;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/** One column. `numbers` has a value a row (NaN: none) that sorts and compares. */
class Column {
  constructor(given, rows) {
    Object.assign(this, given);
    this.text = this.kind === "text";
    if (this.text) return;
    this.numbers = new Float64Array(rows);
    this.values.forEach((value, i) => { this.numbers[i] = value === null ? NaN : value; });
  }

  /** Words rank by natural order (row-2 before row-10); empty ones are missing. */
  get order() {
    if (!this.text) return this.numbers;
    if (!this.ranks) {
      const natural = new Intl.Collator(undefined, { numeric: true });
      const sorted = this.words.map((word, code) => code)
        .sort((a, b) => natural.compare(this.words[a], this.words[b]));
      const rank = new Float64Array(sorted.length);
      sorted.forEach((code, place) => { rank[code] = this.words[code] === "" ? NaN : place; });
      this.ranks = Float64Array.from(this.codes, (code) => rank[code]);
    }
    return this.ranks;
  }

  word(row) { return this.words[this.codes[row]]; }

  /** Short, for a cell. */
  show(row) { return this.text ? this.word(row) : short(this.numbers[row], this.kind); }

  /** Every digit, for an opened row. */
  full(row) { return this.text ? this.word(row) : exact(this.numbers[row], this.kind); }
}

const PREFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** 218.9M, 0.05%, 1817.55, 1.2 s: what fits a cell or a tick. */
function short(value, kind) {
  if (Number.isNaN(value)) return "";
  if (kind === "share") return `${Number((100 * value).toPrecision(3))}%`;
  if (kind === "seconds") return `${Number(value.toPrecision(3))} s`;
  if (kind === "whole") return value.toLocaleString("en");
  const size = Math.abs(value);
  if (kind === "count" || size >= 1e6) {
    for (const [unit, letter] of PREFIXES) {
      if (size >= unit) return `${Number((value / unit).toPrecision(4))}${letter}`;
    }
  }
  return String(Number(value.toPrecision(size >= 1e4 ? 7 : 5)));
}

function exact(value, kind) {
  if (Number.isNaN(value)) return "none";
  if (kind === "share") return `${Number((100 * value).toPrecision(6))}%`;
  if (kind === "seconds") return `${Number(value.toPrecision(4))} s`;
  return value.toLocaleString("en", { maximumFractionDigits: 6 });
}

class Table {
  constructor(given) {
    Object.assign(this, given);
    this.columns = given.columns.map((column) => new Column(column, this.rows));
    this.named = new Map(this.columns.map((column) => [column.name, column]));
    this.lines = { architectures: [], budgets: [] };
    this.shared = new Map();
    for (const place of this.architecture) {
      this.shared.set(place, (this.shared.get(place) || 0) + 1);
    }
  }

  static async read() {
    const table = new Table(JSON.parse(await unpacked("data-table")));
    for (const part of Object.keys(table.lines)) {
      table.lines[part] = (await unpacked(`data-${part}`)).split("\n");
    }
    return table;
  }

  column(name) { return this.named.get(name); }
  name(row) { return this.column("name").word(row) || "(no name)"; }
  status(row) { return this.column("status").word(row); }
  get numeric() { return this.columns.filter((column) => !column.text); }

  /** Stages of a row's network, `{text}` for a network without stages, null without a network. */
  network(row) {
    const place = this.architecture[row];
    if (place < 0) return null;
    const found = JSON.parse(this.lines.architectures[place]);
    if (!Array.isArray(found)) return found;
    return found.map(([name, role, family, colour, prev, width, depth, stride, before, after,
      others]) => ({ name, role, family, colour, prev, width, depth, stride, before, after, others }));
  }

  budgets(row) { return JSON.parse(this.lines.budgets[row] || "[]"); }

  /** The other rows with the same network, by number. */
  sameNetwork(row) {
    const place = this.architecture[row], found = [];
    if (place < 0 || this.shared.get(place) < 2) return found;
    this.architecture.forEach((other, i) => { if (other === place && i !== row) found.push(i); });
    return found;
  }
}

/** Rows (of `rows`) that no other beats on two axes, by the first axis. Mirrors pareto.py. */
function frontOf(rows, x, y) {
  const sx = x.maximise ? -1 : 1, sy = y.maximise ? -1 : 1;
  const sorted = rows.filter((i) => !Number.isNaN(x.numbers[i]) && !Number.isNaN(y.numbers[i]))
    .sort((i, j) => sx * (x.numbers[i] - x.numbers[j]) || sy * (y.numbers[i] - y.numbers[j]));
  const front = [];
  for (const i of sorted) {
    const last = front.length ? front[front.length - 1] : -1;
    const better = last < 0 || sy * y.numbers[i] < sy * y.numbers[last];
    const equal = last >= 0 && x.numbers[i] === x.numbers[last] && y.numbers[i] === y.numbers[last];
    if (better || equal) front.push(i);
  }
  return front;
}

/** The front's rows, those with equal figures together. */
function steps(front, x, y) {
  const found = [];
  for (const row of front) {
    const last = found[found.length - 1];
    const equal = last && x.numbers[last[0]] === x.numbers[row] && y.numbers[last[0]] === y.numbers[row];
    if (equal) last.push(row); else found.push([row]);
  }
  return found;
}

// The Pareto plot: all points on a canvas (100,000 of them in one go), axes and front in an SVG
// above it, and a tip with the drawing of the design that is pointed at.

const MARGIN = { left: 62, right: 14, top: 12, bottom: 40 };
const LOGARITHMIC_SPAN = 30, REACH = 28, MANY_POINTS = 3000, PALETTE_SIZE = 7;
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** Whether an axis is better logarithmic: positive and spanning more than a factor of 30. */
function isWide(column, rows) {
  const [low, high] = extent(column, rows);
  return low > 0 && high / low > LOGARITHMIC_SPAN;
}

function extent(column, rows) {
  let low = Infinity, high = -Infinity;
  for (const i of rows) {
    const value = column.numbers[i];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** From values to pixels, with the ticks between. */
class Scale {
  constructor([low, high], [from, to], log) {
    this.log = log && low > 0;
    const map = this.log ? Math.log10 : (value) => value;
    let a = map(low), b = map(high);
    const pad = (b - a) * 0.05 || Math.abs(a) * 0.05 || 1;
    a -= pad; b += pad;
    this.at = (value) => from + ((map(value) - a) / (b - a)) * (to - from);
    const least = Math.abs(to - from) / 80;
    this.ticks = this.log ? logTicks(a, b, least) : linearTicks(a, b, least);
  }
}

function linearTicks(a, b, most) {
  const rough = (b - a) / Math.max(2, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((k) => k * power).find((size) => size >= rough);
  const found = [];
  for (let k = Math.ceil(a / step); k * step <= b; k += 1) found.push(Number((k * step).toPrecision(12)));
  return found;
}

function logTicks(a, b, most) {
  const between = (digits) => {
    const found = [];
    for (let decade = Math.floor(a); decade <= b; decade += 1) {
      for (const digit of digits) {
        const value = digit * 10 ** decade;
        if (Math.log10(value) >= a && Math.log10(value) <= b) found.push(value);
      }
    }
    return found;
  };
  for (const digits of [[1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
    const found = between(digits);
    if (found.length <= most + 1) return found;
  }
  const decades = between([1]);
  const every = Math.ceil(decades.length / Math.max(2, most));
  return decades.filter((value, k) => k % every === 0);
}

class Plot {
  constructor(table, open) {
    this.table = table;
    this.open = open;
    this.box = document.getElementById("plot");
    this.canvas = this.box.querySelector("canvas");
    this.svg = this.box.querySelector("svg");
    this.tip = document.getElementById("tip");
    this.pointed = -1;
    this.wasPointed = -1;
    this.box.addEventListener("pointermove", (event) => this.point(this.nearest(event)));
    this.box.addEventListener("pointerleave", () => this.point(-1));
    this.box.addEventListener("pointerdown", (event) => {
      // A finger cannot hover: its first tap shows the tip, the next one opens the row.
      this.wasPointed = event.pointerType === "mouse" ? this.nearest(event) : this.pointed;
      this.point(this.nearest(event));
    });
    this.box.addEventListener("click", () => {
      if (this.pointed >= 0 && this.pointed === this.wasPointed) this.open(this.pointed);
    });
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("blur", () => this.point(-1));
    new ResizeObserver(() => this.draw()).observe(this.box);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** `view`: rows (numbers), columns x and y, logX, logY, colour (a column or null). */
  show(view) { this.view = view; this.draw(); }

  draw() {
    if (!this.view) return;
    const { rows, x, y, logX, logY } = this.view;
    const width = this.box.clientWidth, height = this.box.clientHeight;
    const points = rows.filter((i) => !Number.isNaN(x.numbers[i]) && !Number.isNaN(y.numbers[i]));
    this.front = frontOf(points, x, y);
    this.stops = steps(this.front, x, y);
    this.svg.replaceChildren();
    this.cells = new Map();
    this.prepare(width, height);
    if (!points.length) {
      this.svg.append(svg("text", { x: width / 2, y: height / 2, "text-anchor": "middle" },
        "No design to draw: no row here has both figures."));
      return;
    }
    this.x = new Scale(extent(x, points), [MARGIN.left, width - MARGIN.right], logX);
    this.y = new Scale(extent(y, points), [height - MARGIN.bottom, MARGIN.top], logY);
    this.axes(width, height, x, y);
    this.points(points);
    this.staircase();
    this.point(-1);
  }

  prepare(width, height) {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.context = this.canvas.getContext("2d");
    this.context.scale(ratio, ratio);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  }

  axes(width, height, x, y) {
    const bottom = height - MARGIN.bottom, right = width - MARGIN.right;
    for (const value of this.x.ticks) {
      const at = this.x.at(value);
      this.svg.append(
        svg("line", { x1: at, x2: at, y1: MARGIN.top, y2: bottom, class: "grid" }),
        svg("text", { x: at, y: bottom + 16, "text-anchor": "middle" }, tick(value, x)));
    }
    for (const value of this.y.ticks) {
      const at = this.y.at(value);
      this.svg.append(
        svg("line", { x1: MARGIN.left, x2: right, y1: at, y2: at, class: "grid" }),
        svg("text", { x: MARGIN.left - 8, y: at + 4, "text-anchor": "end" }, tick(value, y)));
    }
    const name = (column) => `${column.name} (${column.maximise ? "more" : "less"} is better)`;
    this.svg.append(
      svg("text", { x: (MARGIN.left + right) / 2, y: height - 6, "text-anchor": "middle", class: "title" }, name(x)),
      svg("text", { x: -(MARGIN.top + bottom) / 2, y: 13, transform: "rotate(-90)",
        "text-anchor": "middle", class: "title" }, name(y)));
  }

  points(points) {
    const inks = this.inks(), colour = this.view.colour, context = this.context;
    const many = points.length > MANY_POINTS;
    context.globalAlpha = many ? 0.45 : 0.75;
    for (const i of points) {
      const px = this.x.at(this.view.x.numbers[i]), py = this.y.at(this.view.y.numbers[i]);
      context.fillStyle = inks[colour ? colourOf(this.table, colour, colour.codes[i]) : 1];
      if (many) context.fillRect(px - 1.5, py - 1.5, 3, 3);
      else { context.beginPath(); context.arc(px, py, 4.5, 0, 7); context.fill(); }
      const cell = cellOf(px, py);
      if (!this.cells.has(cell)) this.cells.set(cell, []);
      this.cells.get(cell).push(i, px, py);
    }
  }

  inks() {
    const style = getComputedStyle(document.documentElement);
    return Array.from({ length: PALETTE_SIZE + 1 }, (_, k) => style.getPropertyValue(`--c${k}`));
  }

  /** Between two designs of the front nothing better is known: steps, not slopes. */
  staircase() {
    const { x, y } = this.view;
    const at = this.stops.map(([i]) => [this.x.at(x.numbers[i]), this.y.at(y.numbers[i])]);
    const path = at.map(([px, py], k) => (k ? `H${px}V${py}` : `M${px},${py}`)).join("");
    this.svg.append(svg("path", { d: path, class: "front-line" }));
    const shown = at.length > 300 ? [] : at;
    this.svg.append(...shown.map(([px, py]) => svg("circle", { cx: px, cy: py, r: 6, class: "on-front" })));
    this.marker = svg("circle", { r: 9, class: "marker", visibility: "hidden" });
    this.svg.append(this.marker);
  }

  nearest(event) {
    if (!this.cells || !this.view) return -1;
    const box = this.box.getBoundingClientRect();
    const px = event.clientX - box.left, py = event.clientY - box.top;
    let best = -1, least = REACH * REACH;
    for (let dx = -REACH; dx <= REACH; dx += REACH) {
      for (let dy = -REACH; dy <= REACH; dy += REACH) {
        const cell = this.cells.get(cellOf(px + dx, py + dy)) || [];
        for (let k = 0; k < cell.length; k += 3) {
          const far = (cell[k + 1] - px) ** 2 + (cell[k + 2] - py) ** 2;
          if (far < least) { least = far; best = cell[k]; }
        }
      }
    }
    return best;
  }

  point(row) {
    if (row === this.pointed && !this.tip.hidden === row >= 0) return;
    this.pointed = row;
    this.tip.hidden = row < 0;
    if (this.marker) this.marker.setAttribute("visibility", row < 0 ? "hidden" : "visible");
    this.box.classList.toggle("pointing", row >= 0);
    if (row < 0) return;
    const { x, y } = this.view;
    const px = this.x.at(x.numbers[row]), py = this.y.at(y.numbers[row]);
    this.marker.setAttribute("cx", px);
    this.marker.setAttribute("cy", py);
    const stages = this.table.network(row);
    this.tip.replaceChildren(
      el("strong", {}, this.table.name(row)),
      el("span", {}, `${x.name} ${x.show(row)}, ${y.name} ${y.show(row)}`),
      el("span", { class: "soft" }, this.table.certificates[this.table.certificate[row]]?.status
        || this.table.status(row)),
      ...(Array.isArray(stages) ? [drawing(stages)] : []).filter(Boolean));
    const room = this.box.clientWidth, wide = this.tip.offsetWidth, high = this.tip.offsetHeight;
    this.tip.style.left = `${Math.max(4, Math.min(px + 14 + wide > room ? px - wide - 14 : px + 14, room - wide - 4))}px`;
    this.tip.style.top = `${Math.max(4, Math.min(py - high / 2, this.box.clientHeight - high - 4))}px`;
  }

  key(event) {
    if (!this.stops || !this.stops.length) return;
    const last = this.stops.length - 1, here = this.stops.findIndex((rows) => rows.includes(this.pointed));
    const to = {
      ArrowRight: here + 1, ArrowUp: here + 1, ArrowLeft: here < 0 ? last : here - 1,
      ArrowDown: here < 0 ? last : here - 1, Home: 0, End: last,
    }[event.key];
    if (event.key === "Escape") this.point(-1);
    else if (event.key === "Enter" && this.pointed >= 0) this.open(this.pointed);
    else if (to !== undefined) this.point(this.stops[Math.max(0, Math.min(last, to))][0]);
    else return;
    event.preventDefault();
  }
}

/** The colour of a word: a family's own, else by its place in the column. */
function colourOf(table, column, code) {
  return table.colours[column.words[code]] || 1 + code % PALETTE_SIZE;
}

function cellOf(px, py) { return Math.floor(px / REACH) * 65536 + Math.floor(py / REACH); }

function tick(value, column) {
  return short(value, column.kind === "whole" && Math.abs(value) >= 1e4 ? "count" : column.kind);
}

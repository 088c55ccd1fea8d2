// The page: what the reader has chosen, and what follows from it.

const FRONT_LISTED = 100;

class Page {
  constructor(table) {
    this.table = table;
    this.order = Array.from({ length: table.rows }, (_, row) => row);
    this.sort = { column: null, descending: false };
    this.search = "";
    this.statuses = new Set();
    this.fields = new Map();
    this.opened = new Set();
    this.at = 0;
    this.hidden = new Set(table.columns.filter((c) => !c.shown || this.isEmpty(c)).map((c) => c.name));
    this.rows = new Rows(table, {
      sort: (name) => this.sortBy(name), toggle: (row) => this.toggle(row), reveal: (row) => this.reveal(row),
    });
    this.plot = new Plot(table, (row) => this.reveal(row));
    this.find = (id) => document.getElementById(id);
    this.setUpPlot();
    this.setUpTable();
    this.setUpKeys();
  }

  isEmpty(column) {
    return column.text ? column.words.every((word) => word === "")
      : column.numbers.every((value) => Number.isNaN(value));
  }

  setUpPlot() {
    const { table } = this, numeric = table.numeric.filter((column) => !this.isEmpty(column));
    const axes = table.axes.map((axis) => axis.column);
    for (const axis of table.axes) table.column(axis.column).maximise = axis.maximise;
    options(this.find("axis-x"), numeric.map((column) => column.name), axes[0]);
    options(this.find("axis-y"), numeric.map((column) => column.name), axes[axes.length - 1]);
    const colours = table.columns.filter((c) => c.text && c.part !== "row" || c.name === "status")
      .filter((c) => c.words.length > 1 && c.words.length <= PALETTE_SIZE).map((c) => c.name);
    const best = colours.find((name) => name !== "status") || colours[0] || "";
    options(this.find("colour"), ["", ...colours], best, "none");
    for (const axis of ["x", "y"]) {
      this.find(`axis-${axis}`).addEventListener("change", () => { this.setLog(axis); this.drawPlot(); });
      this.find(`log-${axis}`).addEventListener("change", () => this.drawPlot());
      this.setLog(axis);
    }
    this.find("colour").addEventListener("change", () => this.drawPlot());
  }

  setLog(axis) {
    const column = this.table.column(this.find(`axis-${axis}`).value);
    if (column) this.find(`log-${axis}`).checked = isWide(column, this.order);
  }

  setUpTable() {
    const { table } = this;
    this.find("search").addEventListener("input", (event) => { this.search = event.target.value; this.filter(); });
    this.find("reset").addEventListener("click", () => this.reset());
    this.find("previous").addEventListener("click", () => this.turn(-1));
    this.find("next").addEventListener("click", () => this.turn(1));
    this.find("size").addEventListener("change", () => { this.at = 0; this.drawTable(); });
    const names = table.columns.map((column) => column.name);
    options(this.find("sort"), ["", ...names.flatMap((name) => [`${name} ▲`, `${name} ▼`])], "", "as given");
    this.find("sort").addEventListener("change", (event) => {
      const [, name, arrow] = event.target.value.match(/^(.*) ([▲▼])$/) || [null, null, ""];
      this.sortBy(name, arrow === "▼");
    });
    this.find("fields").append(...table.columns.filter((c) => c.name !== "status" && !this.isEmpty(c))
      .map((column) => this.field(column)));
    this.find("columns").querySelector("div").append(...table.columns.filter((c) => c.name !== "name")
      .map((column) => el("label", {}, el("input", {
        type: "checkbox", checked: !this.hidden.has(column.name), onchange: (event) => {
          if (event.target.checked) this.hidden.delete(column.name); else this.hidden.add(column.name);
          this.drawTable();
        },
      }), column.name)));
    const counts = new Map();
    for (const row of this.order) counts.set(table.status(row), (counts.get(table.status(row)) || 0) + 1);
    this.find("statuses").append(...[...counts].map(([status, count]) => this.statusButton(status, count)));
  }

  statusButton(status, count) {
    return el("button", {
      "aria-pressed": "false", class: "status", onclick: (event) => {
        if (!this.statuses.delete(status)) this.statuses.add(status);
        event.currentTarget.setAttribute("aria-pressed", String(this.statuses.has(status)));
        this.filter();
      },
    }, statusChip(status), ` ${count.toLocaleString("en")}`);
  }

  field(column) {
    const changed = (event) => this.typed(column, event.target);
    const input = isChoice(column)
      ? el("select", { oninput: changed }, el("option", { value: "" }, "any"),
        column.words.filter(Boolean).map((word) => el("option", { value: word }, word)))
      : el("input", { type: "text", oninput: changed, autocomplete: "off", spellcheck: "false",
        placeholder: column.text ? "contains" : this.hint(column) });
    return el("label", {}, column.name, input);
  }

  hint(column) {
    const [low, high] = extent(column, this.order);
    return `${short(low, column.kind)} .. ${short(high, column.kind)}`;
  }

  typed(column, input) {
    const test = rowTest(column, input.value);
    if (test === undefined) {
      input.setAttribute("aria-invalid", "true");
      input.title = "not a filter: try <= 200M, > 1.5k, 10M..50M or 0.1%";
      return;
    }
    input.removeAttribute("aria-invalid");
    input.title = "";
    if (test) this.fields.set(column.name, test); else this.fields.delete(column.name);
    this.filter();
  }

  reset() {
    this.search = "";
    this.statuses.clear();
    this.fields.clear();
    this.find("search").value = "";
    for (const field of this.find("fields").querySelectorAll("input, select")) {
      field.value = "";
      field.removeAttribute("aria-invalid");
    }
    for (const button of this.find("statuses").children) button.setAttribute("aria-pressed", "false");
    this.filter();
    this.find("search").focus();
  }

  setUpKeys() {
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, select, textarea");
      if (event.key === "/" && !typing) { event.preventDefault(); this.find("search").focus(); }
      if (event.key === "Escape" && this.find("columns").open) this.find("columns").open = false;
      const opener = event.target.closest(".opener");
      if (!opener || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
      const openers = [...document.querySelectorAll(".opener")];
      const next = openers[openers.indexOf(opener) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) { event.preventDefault(); next.focus(); }
    });
    document.addEventListener("click", (event) => {
      if (!event.target.closest("#columns")) this.find("columns").open = false;
    });
  }

  sortBy(name, descending) {
    if (descending === undefined) {
      // A first click puts what is better on top; the next ones turn it round.
      const first = name !== null && this.table.column(name).maximise;
      descending = this.sort.column === name ? !this.sort.descending : first;
    }
    this.sort = { column: name, descending };
    this.find("sort").value = name === null ? "" : `${name} ${descending ? "▼" : "▲"}`;
    this.at = 0;
    this.arrange();
    this.drawTable();
    if (document.activeElement === document.body) this.focusSorter(name);
  }

  focusSorter(name) {
    const place = this.columns().findIndex((column) => column.name === name);
    const sorter = document.querySelectorAll("#rows .sorter")[place];
    if (sorter) sorter.focus();
  }

  /** Rows without a value are last whichever way the others go. */
  arrange() {
    const { column, descending } = this.sort;
    if (column === null) { this.matching.sort((i, j) => i - j); return; }
    const value = this.table.column(column).order, sign = descending ? -1 : 1;
    this.matching.sort((i, j) => {
      const a = value[i], b = value[j];
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b) || i - j;
      return sign * (a - b) || i - j;
    });
  }

  filter() {
    const tests = [searchTest(this.table, this.search), ...this.fields.values()].filter(Boolean);
    if (this.statuses.size) tests.push((row) => this.statuses.has(this.table.status(row)));
    this.matching = this.order.filter((row) => tests.every((test) => test(row)));
    this.at = 0;
    this.find("reset").hidden = !tests.length;
    this.find("filter-count").textContent = this.fields.size ? `(${this.fields.size} set)` : "";
    this.arrange();
    this.drawTable();
    this.drawPlot();
  }

  columns() { return this.table.columns.filter((column) => !this.hidden.has(column.name)); }

  drawTable() {
    const size = Number(this.find("size").value), total = this.matching.length;
    const pages = Math.max(1, Math.ceil(total / size));
    this.at = Math.max(0, Math.min(this.at, pages - 1));
    this.rows.show({
      rows: this.matching.slice(this.at * size, (this.at + 1) * size),
      columns: this.columns(), sort: this.sort, opened: this.opened,
    });
    const words = (number) => number.toLocaleString("en");
    this.find("count").textContent = total === this.table.rows ? `${words(total)} rows`
      : `${words(total)} of ${words(this.table.rows)} rows`;
    this.find("page-of").textContent = `page ${words(this.at + 1)} of ${words(pages)}`;
    this.find("previous").disabled = this.at === 0;
    this.find("next").disabled = this.at === pages - 1;
  }

  drawPlot() {
    const x = this.table.column(this.find("axis-x").value), y = this.table.column(this.find("axis-y").value);
    if (!x || !y) return;
    const colour = this.table.column(this.find("colour").value) || null;
    this.plot.show({
      rows: this.matching, x, y, colour, logX: this.find("log-x").checked, logY: this.find("log-y").checked,
    });
    this.find("legend").replaceChildren(...(colour ? colour.words : []).map((word, code) =>
      el("span", { class: `key colour${colourOf(this.table, colour, code)}` }, word || "(none)")));
    const stops = this.plot.stops, more = stops.length - FRONT_LISTED;
    this.find("front-title").textContent = `${this.plot.front.length.toLocaleString("en")} on the front`;
    this.find("front").replaceChildren(
      ...stops.slice(0, FRONT_LISTED).map(([row, ...equal]) => el("li", {}, el("button", {
        title: [row, ...equal.slice(0, 20)].map((i) => this.table.name(i)).join("\n"),
        onclick: () => this.reveal(row), onmouseenter: () => this.plot.point(row),
        onmouseleave: () => this.plot.point(-1),
      }, el("strong", {}, this.table.name(row)),
      el("small", {}, equal.length ? `+${equal.length}` : ""), el("span", {}, x.show(row)), el("span", {}, y.show(row))))),
      ...(more > 0 ? [el("li", { class: "soft" }, `and ${more.toLocaleString("en")} more: filter the table`)] : []));
  }

  turn(by) { this.at += by; this.drawTable(); this.find("rows").scrollIntoView(); }

  toggle(row) {
    if (!this.opened.delete(row)) this.opened.add(row);
    this.drawTable();
    this.find(`opener-${row}`).focus({ preventScroll: true });
  }

  /** Open a row wherever it is, and go there; filters that hide it are cleared. */
  reveal(row) {
    if (!this.matching.includes(row)) this.reset();
    this.opened.add(row);
    this.at = Math.floor(this.matching.indexOf(row) / Number(this.find("size").value));
    this.drawTable();
    const opener = this.find(`opener-${row}`);
    opener.focus({ preventScroll: true });
    opener.closest("tr").scrollIntoView({ block: "start" });
  }
}

function options(select, names, chosen, empty) {
  select.replaceChildren(...names.map((name) =>
    el("option", { value: name, selected: name === chosen }, name === "" ? empty : name)));
}

function summary(table) {
  const designs = table.architecture.filter((place) => place >= 0).length;
  const networks = table.shared.size - (table.shared.has(-1) ? 1 : 0);
  const words = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const left = table.left_out ? ` ${words(table.left_out, "row")} more in the files beside this page.` : "";
  return `${words(table.rows, "row")}, ${words(designs, "design")}, ${words(networks, "different network")}.${left}`;
}

async function start() {
  const said = document.getElementById("summary");
  if (typeof DecompressionStream === "undefined") {
    said.textContent = "This browser is too old for this page (it cannot unpack data): any of 2023 or later can.";
    return;
  }
  try {
    const table = await Table.read();
    document.querySelector("main").hidden = false;
    const page = new Page(table);
    page.filter();
    said.textContent = summary(table);
    document.documentElement.dataset.ready = "yes";
  } catch (error) {
    said.textContent = `The data in this page cannot be read: ${error.message}`;
    throw error;
  }
}

start();

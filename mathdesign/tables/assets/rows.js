// The table itself: one page of rows, headers that sort, rows that open.

class Rows {
  /** `actions`: sort(name), toggle(row). */
  constructor(table, actions) {
    this.table = table;
    this.actions = actions;
    this.element = document.querySelector("#rows table");
  }

  /** `view`: rows of this page (numbers), columns, sort {column, descending}, opened (a Set). */
  show(view) {
    const width = view.columns.length;
    this.element.replaceChildren(
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
        view.columns.map((column) => this.header(column, view.sort)))),
      el("tbody", { role: "rowgroup" }, view.rows.flatMap((row) => {
        const opened = view.opened.has(row);
        const line = this.line(row, view.columns, opened);
        return opened ? [line, this.opened(row, width)] : [line];
      })));
  }

  header(column, sort) {
    const chosen = sort.column === column.name;
    const order = !chosen ? "none" : sort.descending ? "descending" : "ascending";
    return el("th", { scope: "col", role: "columnheader", "aria-sort": order, class: kindOf(column) },
      el("button", { class: "sorter", onclick: () => this.actions.sort(column.name) },
        column.name, el("span", { "aria-hidden": "true" }, { none: "", ascending: " ▲", descending: " ▼" }[order])));
  }

  line(row, columns, opened) {
    return el("tr", {
      role: "row", "data-row": row, class: opened ? "open" : "",
      onclick: (event) => {
        // Buttons and links act themselves; a drag that selects text is no click.
        if (!event.target.closest("a, button") && !String(getSelection())) this.actions.toggle(row);
      },
    }, columns.map((column) => (column.name === "name" ? this.nameCell(row, opened)
      : this.cell(row, column))));
  }

  nameCell(row, opened) {
    return el("th", { scope: "row", role: "rowheader" }, el("button", {
      class: "opener", id: `opener-${row}`, "aria-expanded": String(opened),
      "aria-controls": opened ? `detail-${row}` : null, onclick: () => this.actions.toggle(row),
    }, this.table.name(row)), this.table.column("pareto").word(row)
      ? el("span", { class: "star", role: "img", "aria-label": "on the Pareto front",
        title: "on the Pareto front" }, "★") : null);
  }

  cell(row, column) {
    const text = column.show(row);
    const content = column.name === "status" ? statusChip(text) : text;
    return el("td", { role: "cell", class: kindOf(column), "data-label": column.name,
      title: column.text ? null : column.full(row) }, content);
  }

  opened(row, width) {
    return el("tr", { role: "row", class: "opened", id: `detail-${row}` },
      el("td", { role: "cell", colspan: width }, detail(this.table, row, this.actions.reveal)));
  }
}

function kindOf(column) { return column.text ? "word" : "number"; }

function statusChip(status) {
  const known = ["optimal", "within_gap", "feasible", "infeasible", "timeout", "failed"];
  return el("span", { class: `chip ${known.includes(status) ? status : ""}` }, status.replace(/_/g, " "));
}

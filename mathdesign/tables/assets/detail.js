// What an opened row shows: drawing, stages, budgets, certificate, what was asked, its files.

const STATUS_WORDS = {
  infeasible: "infeasible: no design satisfies the budgets",
  timeout: "stopped at a limit without a design",
  failed: "failed",
};

/** `left`: which columns are words, by number. */
function plainTable(header, rows, left = [0]) {
  const side = (k) => (left.includes(k) ? "word" : "number");
  return el("div", { class: "scroll", tabindex: "0" }, el("table", {},
    el("thead", {}, el("tr", {}, header.map((cell, k) =>
      el("th", { scope: "col", class: side(k) }, cell)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, k) =>
      el("td", { class: side(k) }, cell)))))));
}

function pairs(entries) {
  return el("dl", {}, entries.filter(([, text]) => text !== "" && text !== null)
    .flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]));
}

function part(title, ...content) { return el("section", {}, el("h3", {}, title), ...content); }

function stageTable(stages) {
  const extras = [...new Set(stages.flatMap((stage) => stage.others.map(([name]) => name)))];
  const rows = stages.map((stage) => {
    const classifier = stage.role === "classifier", others = new Map(stage.others);
    return [
      stage.name,
      el("span", { class: `family colour${stage.colour}` }, stage.family),
      String(stage.prev), String(stage.width),
      ...extras.map((name) => others.get(name) || ""),
      classifier ? "" : String(stage.depth), classifier ? "" : String(stage.stride),
      classifier || !stage.after ? "" : `${stage.before} → ${stage.after}`,
    ];
  });
  const words = extras.map((name) => name.replace(/_/g, " "));
  return plainTable(["stage", "block", "in", "out", ...words, "depth", "stride", "resolution"], rows, [0, 1]);
}

function network(table, row) {
  const found = table.network(row);
  if (!found) return null;
  if (!Array.isArray(found)) {
    return part("Network", el("pre", {}, JSON.stringify(found.text, null, 2)));
  }
  return part("Architecture", drawing(found), stageTable(found));
}

function budgetTable(table, row) {
  const rows = table.budgets(row).map(([metric, used, upper, lower, built]) => {
    const limit = upper === null ? lower : upper;
    const share = limit ? used / limit : 0;
    const limits = [lower === null ? "" : `≥ ${exact(lower)}`, upper === null ? "" : `≤ ${exact(upper)}`];
    const bar = el("span", { class: "use", title: `${short(share, "share")} of the limit` },
      el("i", { "--share": Math.min(1, Math.max(0, share)) }));
    const counted = built === undefined ? exact(used) : `${exact(used)} (${exact(built)} as built)`;
    return [metric, counted, limits.filter(Boolean).join(", "), bar, short(share, "share")];
  });
  if (!rows.length) return null;
  return part("Budgets", plainTable(["budget", "used", "limit", "", "of the limit"], rows, [0, 3]));
}

function certificate(table, row) {
  const known = table.certificates[table.certificate[row]];
  const figure = (name) => (table.column(name) ? table.column(name).full(row) : "");
  const words = known ? known.status : STATUS_WORDS[table.status(row)] || table.status(row);
  const entries = [["status", words], ["reason", figure("reason")]];
  if (known) {
    entries.push(["objective", figure("objective")], ["bound", figure("bound")],
      ["gap", figure("gap")], ["gap asked for", exact(known.gap_target, "share")]);
  }
  entries.push(["backend", figure("backend")], ["seed", known && known.seed !== null ? String(known.seed) : ""],
    ["solved in", figure("solve_s")]);
  const hash = figure("request_sha256");
  if (hash) entries.push(["request sha256", el("code", {}, hash)]);
  if (known) {
    const versions = Object.entries(known.versions).map(([name, version]) => `${name} ${version}`);
    entries.push(["versions", versions.join(", ")]);
  }
  return part("Certificate", pairs(entries));
}

function rowLinks(table, row) {
  const folder = table.column("folder") ? table.column("folder").word(row) : "";
  if (!folder || table.architecture[row] < 0) return null;
  const base = folder.split("/").map(encodeURIComponent).join("/");
  return part("Files", el("p", { class: "links" }, table.files.map((file) =>
    el("a", { href: `./${base}/${encodeURIComponent(file)}`, download: true }, file))));
}

function asked(table, row) {
  const columns = table.columns.filter((column) => column.part === "request");
  const entries = columns.map((column) => [column.name, column.full(row)]);
  const certified = ["objective", "bound", "gap", "solve_s"];
  const figures = table.columns
    .filter((column) => column.part === "answer" && !certified.includes(column.name))
    .map((column) => [column.name, column.full(row)]);
  return [
    entries.length ? part("Asked for", pairs(entries)) : null,
    table.architecture[row] < 0 ? null : part("Figures", pairs(figures)),
  ];
}

function sameNetwork(table, row, open) {
  const others = table.sameNetwork(row);
  if (!others.length) return null;
  const more = others.length > 12 ? ` and ${(others.length - 12).toLocaleString("en")} more` : "";
  return part("The same network as", el("p", { class: "links" }, others.slice(0, 12).map((other) =>
    el("button", { class: "link", onclick: () => open(other) }, table.name(other))), more));
}

function detail(table, row, open) {
  return el("div", { class: "detail" },
    el("div", {}, network(table, row), budgetTable(table, row)),
    el("div", {}, certificate(table, row), asked(table, row), rowLinks(table, row),
      sameNetwork(table, row, open)));
}

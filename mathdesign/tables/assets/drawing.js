// The drawing of an architecture. The same elements as report/drawing.py writes: the geometry of
// both is in base.css.

const MOST_BARS = 400;

function drawn(stages) { return stages.filter((stage) => stage.role !== "classifier"); }

function stageLabel(stage) {
  const pixels = stage.after ? `, ${stage.after} px` : "";
  return `${stage.name}: ${stage.family}, ${stage.width} channels x ${stage.depth}${pixels}`;
}

function drawing(stages) {
  const shown = drawn(stages);
  if (!shown.length) return null;
  const widest = Math.max(1, ...shown.map((stage) => stage.width));
  const blocks = Math.max(1, shown.reduce((sum, stage) => sum + stage.depth, 0));
  return el("div", {
    class: "drawing", role: "img", "aria-label": shown.map(stageLabel).join("; "),
    "--widest": widest, "--blocks": blocks,
  }, shown.map((stage) => el("div", {
    class: `stage colour${stage.colour}`, title: stageLabel(stage), "--width": stage.width,
  },
  el("div", { class: "bars" },
    Array.from({ length: Math.min(stage.depth, MOST_BARS) }, () => el("i"))),
  el("b", {}, String(stage.width)), el("span", {}, `×${stage.depth}`),
  stage.after ? el("small", {}, `${stage.after} px`) : null)));
}

"use strict";
(() => {
  const smallest = 2, tallest = 40, labels = 52, narrow = 420, roomy = 28, legible = 9, letters = 60, named = 0.34;

  /** Rows back from columns. */
  const rows = (packed) => packed.rows.map((row) => Object.fromEntries(row.map((value, i) => [packed.fields[i], value])));

  function unpack(spec) {
    if (spec.data && spec.data.values) spec.data.values = rows(spec.data.values);
    (spec.layer || []).forEach(unpack);
    return spec;
  }

  /** Cut the names on the vertical axes of a specification and its layers at so many pixels. */
  function limitNames(spec, most) {
    const axis = spec.encoding?.y?.axis;
    if (axis) axis.labelLimit = Math.min(axis.labelLimit || most, most);
    (spec.layer || []).forEach((layer) => limitNames(layer, most));
  }

  /** Change what a specification and its layers say of an axis of a heat map. */
  function setAxes(spec, names, changes) {
    for (const name of names) if (spec.encoding?.[name]?.axis) Object.assign(spec.encoding[name].axis, changes);
    (spec.layer || []).forEach((layer) => setAxes(layer, names, changes));
  }

  /** Fit a heat map of so many columns to the width; cells too small for figures and names lose them. */
  function fitCells(spec, columns, width) {
    const size = Math.max(smallest, Math.floor((width - labels) / columns));
    const height = Math.min(tallest, Math.max(size, legible));
    spec.width = { step: size };
    spec.height = { step: height };
    if (size < roomy && spec.layer) spec.layer = spec.layer.filter((layer) => layer.mark.type !== "text");
    setAxes(spec, ["x"], { labelLimit: Math.max(size, size < roomy ? letters : 0) });
    if (size < legible) setAxes(spec, ["x"], { labelOverlap: true });
  }

  const charts = new Map();

  async function draw(canvas) {
    const width = canvas.clientWidth;
    if (!width) return;
    const source = canvas.querySelector("script");
    if (!charts.has(canvas)) {
      charts.set(canvas, { spec: unpack(JSON.parse(source.textContent)), width: 0 });
    }
    const chart = charts.get(canvas);
    if (chart.width === width) return;
    chart.width = width;
    const columns = Number(canvas.dataset.columns);
    for (let room = width, tries = 0; tries < 3; tries += 1) {
      const spec = structuredClone(chart.spec);
      if (columns) fitCells(spec, columns, room);
      else spec.width = room;
      limitNames(spec, Math.round(named * width));
      spec.config.legend.columns = width < narrow ? 1 : undefined;
      spec.config.legend.labelLimit = Math.max(60, width - 60);
      if (chart.view) chart.view.finalize();
      chart.view = await vegaEmbed(canvas, spec, { renderer: "svg", actions: false, ast: true, logLevel: 1 });
      const over = canvas.querySelector("svg").getBoundingClientRect().width - width;
      if (over <= 0) return;
      room -= Math.ceil(over);
    }
  }

  const drawAll = () => document.querySelectorAll(".canvas").forEach((canvas) => draw(canvas).catch(console.error));

  /** Sort a table by a column; numbers by value, what has no value last. */
  function sort(table, column) {
    const head = table.tHead.rows[0].cells[column];
    const numeric = head.classList.contains("number");
    const ascending = head.getAttribute("aria-sort") === (numeric ? "descending" : "ascending") ? numeric : !numeric;
    const value = (row) => row.cells[column].dataset.value;
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = numeric ? Number(x) - Number(y) : x.localeCompare(y, "en");
      return ascending ? order : -order;
    });
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    table.tBodies[0].append(...rows);
  }

  function makeSortable(table) {
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => sort(table, column));
    });
  }

  document.querySelectorAll("table.sortable").forEach(makeSortable);
  drawAll();

  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));

  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 150); });
})();

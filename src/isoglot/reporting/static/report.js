"use strict";
(() => {
  const smallest = 7, largest = 46, labels = 52, narrow = 420, roomy = 28;

  /** Rows back from columns. */
  const rows = (packed) => packed.rows.map((row) => Object.fromEntries(row.map((value, i) => [packed.fields[i], value])));

  function unpack(spec) {
    if (spec.data && spec.data.values) spec.data.values = rows(spec.data.values);
    (spec.layer || []).forEach(unpack);
    return spec;
  }

  /** The cell size at which a heat map of so many columns fills the width, within limits. */
  const step = (columns, width) => Math.max(smallest, Math.min(largest, Math.floor((width - labels) / columns)));

  const charts = new Map();

  async function draw(canvas) {
    const width = canvas.clientWidth;
    if (!width) return; // in a part that is not shown: drawn when it is
    const source = canvas.querySelector("script");
    if (!charts.has(canvas)) {
      charts.set(canvas, { spec: unpack(JSON.parse(source.textContent)), width: 0 });
    }
    const chart = charts.get(canvas);
    if (chart.width === width) return;
    chart.width = width;
    const columns = Number(canvas.dataset.columns);
    const spec = structuredClone(chart.spec);
    if (columns) {
      const size = step(columns, width);
      spec.width = spec.height = { step: size };
      if (size < roomy && spec.layer) spec.layer = spec.layer.filter((layer) => layer.mark.type !== "text");
    } else {
      spec.width = width;
    }
    spec.config.legend.columns = width < narrow ? 1 : undefined;
    if (chart.view) chart.view.finalize();
    chart.view = await vegaEmbed(canvas, spec, { renderer: "svg", actions: false, ast: true, logLevel: 1 });
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

  /** Show one model at a time, chosen by a button for each. */
  function makeSwitch(place) {
    const parts = [...document.querySelectorAll("[data-model]")];
    const show = (chosen) => {
      parts.forEach((part, i) => { part.hidden = i !== chosen; });
      [...place.children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
      drawAll();
    };
    parts.forEach((part, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = part.dataset.model;
      button.addEventListener("click", () => show(i));
      place.append(button);
    });
    place.hidden = false;
    show(0);
  }

  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll(".switch").forEach(makeSwitch);
  drawAll();

  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 150); });
})();

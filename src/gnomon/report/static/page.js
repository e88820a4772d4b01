"use strict";
(() => {
  const page = JSON.parse(document.getElementById("gnomon-data").textContent);
  const root = document.documentElement;
  const FIRST_ROWS = 200; // of a long table, until more are asked for
  const PAPER_WIDTH = 660; // pixels of a figure on paper: A4 is 794 wide at 96 to the inch, less margins and frame
  const LONG_CELL = 60; // characters, above which a cell is cut on the screen and whole when pointed at
  const MORE_ROWS = 1000; // with each press: what a browser lays out at once

  // -- tables: columns by name, words that recur put back in their places
  for (const columns of Object.values(page.tables)) {
    for (const column of columns) {
      if (column.levels) column.values = column.codes.map((code) => (code < 0 ? null : column.levels[code]));
    }
  }
  const cells = (table, name) => page.tables[table].find((column) => column.name === name).values;
  const height = (table) => (page.tables[table].length ? page.tables[table][0].values.length : 0);

  // -- figures: a trace names its columns with "@", its colours with "--"
  const escaped = (value) =>
    typeof value === "string" ? value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;") : value;
  const isReference = (value) => typeof value === "string" && value.startsWith("@");
  const REFERRING = new Set(["x", "y", "base", "text", "size"]);
  const OURS = new Set(["where", "first", "sort"]); // which rows a trace takes; nothing that plotly knows

  function chosen(figure, trace) {
    let rows = Array.from({ length: height(figure.table) }, (_, row) => row);
    if (trace.where) {
      const column = cells(figure.table, trace.where.column);
      rows = rows.filter((row) => column[row] === trace.where.is);
    }
    if (trace.first) rows = rows.slice(0, trace.first);
    if (trace.sort) {
      const x = cells(figure.table, trace.x.slice(1));
      rows.sort((a, b) => x[a] - x[b]);
    }
    return rows;
  }

  function filled(figure, trace, rows, colour) {
    const column = (name) => {
      const values = cells(figure.table, name.slice(1));
      return rows.map((row) => escaped(values[row]));
    };
    const fill = (part) => {
      const found = {};
      for (const [key, value] of Object.entries(part)) {
        if (OURS.has(key)) continue;
        if (REFERRING.has(key) && isReference(value)) found[key] = column(value);
        else if (key === "customdata") {
          const columns = value.map(column);
          found[key] = rows.map((_, row) => columns.map((one) => one[row]));
        } else if ((key === "color" || key === "fillcolor") && String(value).startsWith("--")) found[key] = colour(value);
        else if (value && typeof value === "object" && !Array.isArray(value)) found[key] = fill(value);
        else found[key] = value;
      }
      return found;
    };
    return fill(trace);
  }

  // -- numbers with an SI prefix
  const PREFIXES = [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "u"], [1e-9, "n"]];
  function scaled(value, unit, digits = 4) {
    if (value === 0) return `0 ${unit}`;
    const rounded = Math.abs(Number(value.toPrecision(digits)));
    const known = unit === "s" ? PREFIXES.filter(([size]) => size <= 1) : PREFIXES;
    const [size, prefix] = known.find(([one]) => rounded >= one * (1 - 1e-12)) || known[known.length - 1];
    return `${Number((value / size).toPrecision(digits))} ${prefix}${unit}`;
  }

  // -- marks with their unit: even steps; on a logarithmic axis decades, or 1, 2 and 5 of each where few are seen
  function marks({ type, range: [low, high] }, unit) {
    const [from, to] = type === "log" ? [10 ** low, 10 ** high] : [low, high];
    const values = [];
    if (type !== "log" || high - low < 0.7) {
      const rough = (to - from) / 8;
      const decade = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((one) => one * decade).find((one) => one >= rough);
      for (let index = Math.ceil(from / step); index * step <= to; index++) values.push(index * step);
    } else {
      for (let decade = Math.floor(low); decade <= high; decade++) {
        for (const one of high - low > 3.5 ? [1] : [1, 2, 5]) values.push(one * 10 ** decade);
      }
    }
    const slack = 1e-6 * (to - from);
    const tickvals = values.filter((value) => value >= from - slack && value <= to + slack);
    const ticktext = tickvals.map((value) => (unit ? scaled(value, unit, 3) : String(Number(value.toPrecision(3)))));
    return { tickmode: "array", tickvals, ticktext };
  }
  const marked = ({ marks: unit, ...axis }) =>
    unit === undefined ? axis : { ...axis, range: [...axis.range], ...marks(axis, unit) };
  function markAgain(plot, figure) {
    const found = {};
    for (const name of ["xaxis", "yaxis"]) {
      const unit = figure.layout[name].marks;
      if (unit === undefined) continue;
      const { tickvals, ticktext } = marks(plot.layout[name], unit);
      if (String(ticktext) === String(plot.layout[name].ticktext)) continue;
      found[`${name}.tickvals`] = tickvals;
      found[`${name}.ticktext`] = ticktext;
    }
    if (Object.keys(found).length) Plotly.relayout(plot, found);
  }

  function layout(figure, colour) {
    const ink = colour("--ink");
    const axis = { gridcolor: colour("--line"), linecolor: colour("--soft"), zerolinecolor: colour("--line"), tickcolor: colour("--soft") };
    const shapes = (figure.layout.shapes || []).map((shape) => ({ ...shape, line: { ...shape.line, color: ink } }));
    return {
      ...figure.layout,
      shapes,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: "system-ui, sans-serif", size: 13 },
      margin: { l: 70, r: 20, t: 10, b: 55, ...figure.layout.margin },
      legend: { orientation: "h", yanchor: "bottom", y: 1.01, x: 0, itemsizing: "constant", bgcolor: "rgba(0,0,0,0)" },
      hoverlabel: { bgcolor: colour("--paper"), bordercolor: colour("--soft"), font: { color: ink }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--soft"), activecolor: ink },
      xaxis: { ...axis, ...marked(figure.layout.xaxis) },
      yaxis: { ...axis, ...marked(figure.layout.yaxis) },
    };
  }

  const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };

  async function draw(name, width) {
    const style = getComputedStyle(root);
    const colour = (variable) => style.getPropertyValue(variable).trim();
    const figure = page.figures[name];
    const traces = figure.data.map((trace) => filled(figure, trace, chosen(figure, trace), colour));
    const plot = document.querySelector(`#${name} .plot`);
    const isNew = plot.layout === undefined;
    await Plotly.react(plot, traces, { ...layout(figure, colour), width }, CONFIG);
    if (isNew) plot.on("plotly_relayout", () => markAgain(plot, figure));
  }

  async function drawAll() {
    const begun = performance.now();
    for (const name of Object.keys(page.figures)) {
      await draw(name);
      await new Promise((resume) => setTimeout(resume)); // the reader may scroll meanwhile
    }
    root.dataset.drawnMs = String(Math.round(performance.now() - begun));
  }

  // -- theme: the system's, until the reader chooses; paper is always light
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let theme = root.dataset.theme;
  function show(name) {
    root.dataset.theme = name;
    button.textContent = name === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-pressed", String(name === "dark"));
  }
  function choose(name) {
    theme = name;
    show(name);
    drawAll();
  }
  button.addEventListener("click", () => choose(theme === "dark" ? "light" : "dark"));
  dark.addEventListener("change", (event) => choose(event.matches ? "dark" : "light"));
  function drawFor(name, width) {
    show(name);
    Object.keys(page.figures).forEach((figure) => draw(figure, width));
  }
  addEventListener("beforeprint", () => drawFor("light", PAPER_WIDTH));
  addEventListener("afterprint", () => {
    drawFor(theme);
    document.querySelectorAll(".plot").forEach((plot) => Plotly.Plots.resize(plot));
  });

  // -- numbers to a file of the reader's: as exact as in the page
  const csvCell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  function csv(columns) {
    const rows = columns[0].values.map((_, row) => columns.map((column) => csvCell(column.values[row])).join(","));
    return [columns.map((column) => csvCell(column.name)).join(","), ...rows].join("\n") + "\n";
  }
  function json(title, columns) {
    const rows = columns[0].values.map((_, row) => Object.fromEntries(columns.map((column) => [column.name, column.values[row]])));
    const units = Object.fromEntries(columns.map((column) => [column.name, column.unit]));
    return JSON.stringify({ title, units, rows }, null, 1) + "\n";
  }
  function save(view, form) {
    const columns = page.tables[view.table];
    const text = form === "csv" ? csv(columns) : json(view.title, columns);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: form === "csv" ? "text/csv" : "application/json" }));
    link.download = `${view.title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60)}.${form}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  for (const one of document.querySelectorAll("button[data-save]")) {
    const holder = one.closest(".grid, figure").id;
    one.addEventListener("click", () => save(page.figures[holder] || page.grids[holder], one.dataset.save));
  }

  // -- long tables: sorted by a click on a heading, searched in every cell
  function shown(value, { unit, digits }) {
    if (value === null || value === undefined || value === "") return "-";
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value !== "number") return value;
    if (digits) return `${Number(value.toPrecision(digits))} ${unit}`.trim();
    if (unit === "%") return `${value.toFixed(1)} %`;
    if (unit === "flop/B") return `${Number(value.toPrecision(4))} ${unit}`; // a ratio takes no prefix
    if (unit === "share") return `${(100 * value).toFixed(1)} %`;
    return unit ? scaled(value, unit) : String(value);
  }
  function grid(name) {
    const columns = page.tables[page.grids[name].table];
    const holder = document.getElementById(name);
    const [head, body] = [holder.querySelector("thead"), holder.querySelector("tbody")];
    const [search, count, more] = [holder.querySelector("input"), holder.querySelector("output"), holder.querySelector(".more")];
    const isText = columns.map((column) => column.values.some((value) => typeof value === "string"));
    const total = columns.length ? columns[0].values.length : 0;
    const all = Array.from({ length: total }, (_, row) => row);
    const words = all.map((row) => columns.map((column) => column.values[row] ?? "").join(" ").toLowerCase());
    const isCards = columns.some((column) => column.prose); // on a narrow screen a row is a card, not a line
    holder.querySelector("table").classList.toggle("cards", isCards);
    let [by, down, most] = [-1, false, FIRST_ROWS];

    function fill() {
      const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const rows = all.filter((row) => wanted.every((word) => words[row].includes(word)));
      if (by >= 0) {
        const values = columns[by].values;
        const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
        rows.sort((a, b) => {
          const missing = (values[a] === null) - (values[b] === null);
          return missing || (down ? order(values[b], values[a]) : order(values[a], values[b]));
        });
      }
      body.replaceChildren(...rows.slice(0, most).map((row) => {
        const line = document.createElement("tr");
        columns.forEach((column, index) => {
          const cell = line.insertCell();
          cell.textContent = shown(column.values[row], column);
          if (isCards) cell.dataset.label = column.label;
          const isLong = cell.textContent.length > LONG_CELL && !column.prose;
          if (isLong || typeof column.values[row] === "number") cell.title = String(column.values[row]);
          if (isText[index]) cell.className = `text${isLong ? " long" : ""}${column.prose ? " prose" : ""}`;
          if (column.values[row] === null) cell.classList.add("none");
        });
        return line;
      }));
      const [visible, matching] = [Math.min(most, rows.length), rows.length];
      const found = matching < total ? `${matching.toLocaleString("en")} found of ` : "";
      count.textContent = `${visible.toLocaleString("en")} shown of ${found}${total.toLocaleString("en")} rows`;
      more.hidden = rows.length <= most;
      more.textContent = `Show ${Math.min(MORE_ROWS, rows.length - most).toLocaleString("en")} more rows`;
      [...head.querySelectorAll("th")].forEach((th, index) =>
        th.setAttribute("aria-sort", index !== by ? "none" : down ? "descending" : "ascending"));
    }

    const titles = document.createElement("tr");
    columns.forEach((column, index) => {
      const th = document.createElement("th");
      th.scope = "col";
      if (isText[index]) th.className = "text";
      const sort = document.createElement("button");
      sort.type = "button";
      sort.textContent = column.label;
      sort.title = "sort";
      sort.addEventListener("click", () => {
        down = by === index ? !down : !isText[index]; // numbers: the largest first
        by = index;
        fill();
      });
      th.append(sort);
      titles.append(th);
    });
    head.replaceChildren(titles);
    search.addEventListener("input", fill);
    more.addEventListener("click", () => {
      most += MORE_ROWS;
      fill();
    });
    fill();
  }

  show(theme);
  for (const name of Object.keys(page.grids)) {
    const details = document.getElementById(name).closest("details");
    if (details) details.addEventListener("toggle", () => grid(name), { once: true });
    else grid(name);
  }
  drawAll();
})();

"use strict";

// Entries sort by data-order where there is one, else by their text; entries without a value go last.
function compareRows(column, direction) {
  const missing = (value) => value === "" || value === "–";
  const key = (row) => {
    const entry = row.cells[column];
    const value = entry.dataset.order ?? entry.textContent.trim();
    const number = missing(value) ? NaN : Number(value.replace("−", "-"));
    return Number.isNaN(number) ? value : number;
  };
  return (rowA, rowB) => {
    const a = key(rowA);
    const b = key(rowB);
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    if (typeof a === "number" && typeof b === "number") return direction * (a - b);
    return direction * String(a).localeCompare(String(b), undefined, { numeric: true });
  };
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const numeric = heading.classList.contains("number");
      const before = heading.getAttribute("aria-sort");
      // Numbers start with the largest, words with the first of the alphabet.
      const first = numeric ? "descending" : "ascending";
      const second = numeric ? "ascending" : "descending";
      const order = before === first ? second : first;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order);
      const rows = [...body.rows].sort(compareRows(column, order === "ascending" ? 1 : -1));
      body.append(...rows);
      table.classList.add("sorted");
    });
  });
}

function makeFilterable(figure) {
  const controls = figure.querySelector(".controls");
  if (!controls) return;
  const rows = [...figure.querySelector("tbody").rows];
  const search = controls.querySelector("input");
  const choices = [...controls.querySelectorAll("select")];
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const found = words.every((word) => text.includes(word));
      const chosen = choices.every(
        (choice) => !choice.value || row.cells[choice.dataset.column].textContent.trim() === choice.value,
      );
      row.hidden = !(found && chosen);
      shown += !row.hidden;
    }
    controls.querySelector("output").textContent =
      shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
  };
  search.addEventListener("input", apply);
  choices.forEach((choice) => choice.addEventListener("change", apply));
  apply();
}

document.querySelectorAll("figure.table table").forEach(makeSortable);
document.querySelectorAll("figure.table").forEach(makeFilterable);
// Paper has no folds.
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((details) => details.setAttribute("open", ""));
});

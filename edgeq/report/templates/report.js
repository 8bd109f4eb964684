"use strict";
// Sorting and filtering of the table of variants. Without this the page is complete.
(() => {
  const table = document.getElementById("variants-table");
  const controls = document.getElementById("variants-filter");
  if (!table || !controls) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const said = controls.querySelector("output");
  const text = controls.querySelector("input");
  const answer = controls.querySelector("select[name=answer]");

  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const name = row.dataset.name.toLowerCase();
      const fits = words.every((word) => name.includes(word));
      row.hidden = !fits || (answer.value !== "" && row.dataset.answer !== answer.value);
      shown += row.hidden ? 0 : 1;
    }
    said.value = `${shown} of ${rows.length} rows shown`;
  };

  const value = (row, column) => {
    const cell = row.cells[column];
    return "order" in cell.dataset ? Number(cell.dataset.order) : cell.dataset.text ?? null;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));

  const sort = (column, downwards) => {
    const ordered = rows
      .map((row, place) => ({ row, place, value: value(row, column) }))
      .sort((a, b) => {
        // What was not measured stays last, whatever the direction.
        if (a.value === null || b.value === null)
          return (a.value === null) - (b.value === null) || a.place - b.place;
        return compare(a.value, b.value) * (downwards ? -1 : 1) || a.place - b.place;
      });
    body.append(...ordered.map((one) => one.row));
  };

  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const downwards = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", downwards ? "descending" : "ascending");
      sort(column, downwards);
    });
  });
  // On narrow screens, where there is no row of headings, the order is chosen from a list.
  const order = controls.querySelector("select[name=order]");
  heads.forEach((head, column) => order.add(new Option(head.textContent, String(column))));
  order.addEventListener("change", () => {
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    if (order.value === "") return body.append(...rows);
    heads[Number(order.value)].setAttribute("aria-sort", "ascending");
    sort(Number(order.value), false);
  });
  text.addEventListener("input", filter);
  answer.addEventListener("change", filter);
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.hidden = rows.length <= 5; // so few are seen at a glance
  filter();
})();

// A link to something inside closed details opens them.
(() => {
  const open = () => {
    let place = null;
    try {
      place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return;
    }
    for (let at = place; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  };
  addEventListener("hashchange", open);
  open();
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
  });
})();

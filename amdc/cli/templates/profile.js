// Sorting of tables, the timeline's zoom, and text at the pointer. Without scripts the page still shows everything.
const number = cell => parseFloat(cell.textContent);
for (const table of document.querySelectorAll("table.sorts"))
  table.rows[0].addEventListener("click", event => {
    const head = event.target.closest("th[data-sort]");
    if (!head) return;
    const column = head.cellIndex, up = head.ariaSort === "descending";
    const value = row => head.classList.contains("n") ? number(row.cells[column]) : row.cells[column].textContent;
    const rows = [...table.rows].slice(1).sort((a, b) => value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0);
    for (const other of table.rows[0].cells) other.removeAttribute("aria-sort");
    head.ariaSort = up ? "ascending" : "descending";
    for (const row of up ? rows : rows.reverse()) row.parentNode.append(row);
  });
for (const button of document.querySelectorAll("button[data-zoom]"))
  button.addEventListener("click", () => document.getElementById("timeline").style.width = 100 * button.dataset.zoom + "%");
const tip = document.getElementById("tip");
for (const title of document.querySelectorAll("svg title")) {
  title.parentNode.dataset.tip = title.textContent;
  title.remove();
}
document.addEventListener("mousemove", event => {
  const marked = event.target.closest("[data-tip]");
  tip.style.display = marked ? "block" : "none";
  if (!marked) return;
  tip.textContent = marked.dataset.tip;
  tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
});

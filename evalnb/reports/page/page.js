// The report's few manners: theme, sorting, overlays, enlarging. One set of listeners on the document, so that it works
// for the static page and for whatever Voila puts in later. No framework, no request.
(() => {
  if (window.evalnbReport) return;
  window.evalnbReport = true;

  const root = document.documentElement;
  const dark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  try {
    const kept = localStorage.getItem("evalnb-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch {
    // A page opened from a file may have no storage; it then follows the system.
  }

  function sortBy(th) {
    const table = th.closest("table");
    const place = [...th.parentNode.children].indexOf(th);
    // Text reads downwards from A; numbers from the largest.
    const text = th.dataset.key === "text";
    const first = text ? "ascending" : "descending";
    const turned = text ? "descending" : "ascending";
    const way = th.getAttribute("aria-sort") === first ? turned : first;
    for (const other of th.parentNode.children) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", way);
    const value = (row) => row.children[place].dataset.value ?? row.children[place].textContent;
    const sign = way === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows].sort(
      (a, b) => sign * (text ? value(a).localeCompare(value(b)) : Number(value(a)) - Number(value(b))),
    );
    table.tBodies[0].append(...rows);
  }

  document.addEventListener("click", (event) => {
    const at = event.target;
    if (!(at instanceof Element)) return;
    const theme = at.closest(".evalnb-report [data-theme-switch]");
    if (theme) {
      root.dataset.theme = dark() ? "light" : "dark";
      try {
        localStorage.setItem("evalnb-theme", root.dataset.theme);
      } catch {
        // Nothing to keep it in; the choice lasts as long as the page.
      }
      return;
    }
    const th = at.closest(".evalnb-report th[data-key]");
    if (th) return sortBy(th);
    const plate = at.closest(".evalnb-report .plate");
    if (plate) plate.closest("figure").classList.toggle("big");
  });
  document.addEventListener("keydown", (event) => {
    const th = event.target instanceof Element && event.target.closest(".evalnb-report th[data-key]");
    if (th && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      sortBy(th);
    }
  });
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || !box.dataset.shows) return;
    const gallery = box.closest("section").querySelector(".gallery");
    gallery.classList.toggle(`no-${box.dataset.shows}`, !box.checked);
  });
  document.addEventListener("mouseover", (event) => {
    const row = event.target instanceof Element && event.target.closest(".evalnb-report tr[data-class]");
    const name = row ? row.dataset.class : null;
    for (const line of document.querySelectorAll(".evalnb-report .curve.one"))
      line.classList.toggle("lit", line.dataset.class === name);
  });
})();

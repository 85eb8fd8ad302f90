// Small repairs for keyboards and screen readers, where the theme leaves something out.

// Whatever scrolls sideways must be reachable by keyboard; a formula grows when it is set, a box when the window turns.
const reach = new ResizeObserver((boxes) => {
  for (const { target } of boxes) {
    if (target.scrollWidth > target.clientWidth) {
      target.tabIndex = 0;
    }
  }
});
for (const box of document.querySelectorAll("pre, .pst-scrollable-table-container, div.math")) {
  reach.observe(box);
}

// What is read aloud must contain what is written: these have text of their own.
for (const named of document.querySelectorAll(".search-button-field[aria-label], details.hide > summary[aria-label]")) {
  named.removeAttribute("aria-label");
}

// The arrows that unfold the side bar have no text at all.
for (const arrow of document.querySelectorAll(".toctree-l1 > details > summary, .toctree-l2 > details > summary")) {
  const page = arrow.closest("li").querySelector("a");
  arrow.setAttribute("aria-label", `Pages under ${page.textContent.trim()}`);
}

const sidebar = document.getElementById("pst-primary-sidebar");
if (sidebar) {
  sidebar.setAttribute("role", "navigation");
  sidebar.setAttribute("aria-label", "The course");
}

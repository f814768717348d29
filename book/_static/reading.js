// Unfolds code: all of a page by its button, one cell by the link under its figure. Lets keys
// scroll what does not fit, tables and code.
const folded = () => document.querySelectorAll("div.cell details.hide");

function tinyvggShowCode(button) {
  const all = [...folded()];
  const open = all.some((cell) => !cell.open);
  for (const cell of all) cell.open = open;
  const words = open ? "Hide all code" : "Show all code";
  button.setAttribute("aria-pressed", String(open));
  for (const name of ["title", "aria-label", "data-bs-original-title"]) {
    if (button.hasAttribute(name) || name === "aria-label") button.setAttribute(name, words);
  }
}

function unfoldTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const code = target?.matches("div.cell") ? target.querySelector("details.hide") : null;
  if (code) {
    code.open = true;
    target.scrollIntoView();
  }
  target?.closest("details:not([open])")?.setAttribute("open", "");
}

addEventListener("hashchange", unfoldTarget);
addEventListener("DOMContentLoaded", () => {
  unfoldTarget();
  for (const link of document.querySelectorAll("a.to-code")) link.addEventListener("click", () => setTimeout(unfoldTarget));
});

const scrolls = (box) =>
  box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;

function letKeysScroll() {
  for (const box of document.querySelectorAll("article.bd-article :is(table, pre)")) {
    if (scrolls(box)) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

addEventListener("load", () => {
  new ResizeObserver(letKeysScroll).observe(document.querySelector("article.bd-article"));
});
document.addEventListener("toggle", letKeysScroll, true); // of what was folded

// What the theme leaves to the mouse: the buttons of the navigation and of the search on narrow screens are labels,
// and tables and equations that are wider than the page cannot be scrolled by keys.

const buttons = "label.md-header__button[for='__drawer'], label.md-header__button[for='__search']";
for (const label of document.querySelectorAll(buttons)) {
  label.tabIndex = 0;
  label.setAttribute("role", "button");
  label.setAttribute("aria-label", label.htmlFor === "__drawer" ? "Navigation" : "Search");
}

document.addEventListener("keydown", (event) => {
  const at = document.activeElement;
  const drawer = document.getElementById("__drawer");
  if (event.key === " " && at.matches("label[role='button']")) {
    event.preventDefault();
    at.click();
  } else if (event.key === "Escape" && drawer.checked) {
    drawer.click();
    document.querySelector("label.md-header__button[for='__drawer']").focus();
  }
});

function reach() {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap, .md-content math[display='block']")) {
    if (box.scrollWidth > box.clientWidth + 1) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  }
}

addEventListener("load", reach);
addEventListener("resize", reach);

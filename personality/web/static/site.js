// What is nicer with a script; the pages do without.
"use strict";

// The button for light or dark. What it is set to stays in this browser.
for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  const root = document.documentElement;
  const isDark = () =>
    (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.setAttribute("aria-label", "Dark theme");
  button.hidden = false;
  show();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // It holds until the page is left.
    }
    show();
  });
}

// A button on each block of lines that people copy.
if (navigator.clipboard) {
  for (const block of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    const around = document.createElement("div");
    around.className = "copied";
    block.replaceWith(around);
    around.append(block, button);
  }
}

// "/" goes to the search field, as on many sites.
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const field = document.getElementById("find");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  }
});

// Before the page is drawn: the theme that this browser was told, if it was.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    return; // it keeps nothing for us
  }
  if (theme === "light" || theme === "dark") {
    document.documentElement.dataset.theme = theme;
  }
})();

// Applies the theme that this browser remembers. It is no module: the page is not painted before it
// has run, so the other theme never flashes.

function applyTheme() {
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {} // storage is forbidden: the theme of the device stays
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

applyTheme();
addEventListener("storage", applyTheme); // another window chose a theme
addEventListener("pageshow", applyTheme); // Back may show a page that was kept with the old one

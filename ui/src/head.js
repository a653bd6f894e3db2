// Before the first paint: the chosen theme, so that nothing flashes.
(() => {
  try {
    const theme = localStorage.getItem("imagine.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* storage is off: the system's theme it is */ }
})();

// Before the first paint: the chosen theme, so that nothing flashes, and room for the gallery where it stands beside the stage.
(() => {
  try {
    const theme = localStorage.getItem("imagine.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    if (localStorage.getItem("imagine.gallery") === '"beside"') document.documentElement.dataset.gallery = "beside";
  } catch { /* storage is off: the system's theme it is */ }
})();

// Before the first paint: the chosen theme, so that nothing flashes, and room for what the server will bring, so that nothing jumps.
(() => {
  try {
    const theme = localStorage.getItem("imagine.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    if (localStorage.getItem("imagine.gallery") === '"beside"') document.documentElement.dataset.gallery = "beside";
    if (localStorage.getItem("imagine.loras") === "true") document.documentElement.dataset.loras = "";
  } catch { /* storage is off: the system's theme it is */ }
})();

// Runs before the first paint, so that a dark page never flashes white. A file, because inline scripts are refused.
(() => {
  const chosen = localStorage.getItem("bastion-color-scheme");
  const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();

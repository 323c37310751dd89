"use strict";
(() => {
  const place = document.getElementById("player");
  const skip = document.getElementById("skip");
  const events = document
    .getElementById("recording")
    .textContent.split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
  let player = null;

  function fail(problem) {
    const text = document.createElement("p");
    text.className = "trouble";
    text.textContent = `This browser cannot play the recording: ${problem}`;
    place.replaceChildren(text);
  }

  function open() {
    player?.dispose();
    player = AsciinemaPlayer.create({ data: events }, place, {
      controls: true,
      fit: "both",
      idleTimeLimit: skip.checked ? 2 : undefined,
      poster: "npt:0:01",
      preload: true,
      terminalFontFamily: "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
    });
  }

  window.addEventListener("unhandledrejection", (event) => fail(event.reason));
  skip.addEventListener("change", open);
  open();
})();

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

  function say(words) {
    const text = document.createElement("p");
    text.className = "trouble";
    text.textContent = words;
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

  // The first is the header.
  if (events.length === 1) {
    say("Nothing was on the terminal in this recording.");
    return;
  }
  window.addEventListener("unhandledrejection", (event) => {
    say(`This browser cannot play the recording: ${event.reason}`);
  });
  skip.addEventListener("change", open);
  open();
})();

// Buttons and keys for Panzoom.
for (const figure of document.querySelectorAll("figure")) {
  const frame = figure.querySelector(".frame");
  const zoom = Panzoom(frame.querySelector("svg"), { maxScale: 16, panOnlyWhenZoomed: true });
  const acts = {
    in: () => zoom.zoomIn(),
    out: () => zoom.zoomOut(),
    reset: () => zoom.reset(),
    left: () => zoom.pan(40 / zoom.getScale(), 0, { relative: true }),
    right: () => zoom.pan(-40 / zoom.getScale(), 0, { relative: true }),
    up: () => zoom.pan(0, 40 / zoom.getScale(), { relative: true }),
    down: () => zoom.pan(0, -40 / zoom.getScale(), { relative: true }),
  };
  const keys = {
    "+": "in", "=": "in", "-": "out", "0": "reset",
    ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  };
  for (const button of figure.querySelectorAll("button")) {
    button.addEventListener("click", acts[button.dataset.zoom]);
  }
  frame.addEventListener("keydown", (event) => {
    if (event.key in keys && !event.ctrlKey && !event.metaKey) {
      acts[keys[event.key]]();
      event.preventDefault();
    }
  });
  // A plain wheel scrolls the page, as everywhere.
  frame.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.shiftKey) zoom.zoomWithWheel(event);
  });
  figure.classList.add("can-zoom");
}

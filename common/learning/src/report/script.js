
// Opens what is folded while the page is printed.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) {
    folded.dataset.folded = "";
    folded.open = true;
  }
});
addEventListener("afterprint", () => {
  for (const opened of document.querySelectorAll("details[data-folded]")) {
    delete opened.dataset.folded;
    opened.open = false;
  }
});

// Draws each map of three dimensions, and turns it by pointer and arrow keys. A page without such a map is left alone.
for (const canvas of document.querySelectorAll("canvas[data-points]")) {
  const values = canvas.dataset.points.split(" ").map(Number);
  const legend = [...canvas.closest("figure").querySelectorAll(".legend span")];
  const pen = canvas.getContext("2d");
  let turn = 0.6;
  let tilt = 0.35;
  let isAsked = false;
  const draw = () => {
    isAsked = false;
    const colours = legend.map((mark) => getComputedStyle(mark).color);
    const [sine, cosine, rise, fall] = [Math.sin(turn), Math.cos(turn), Math.sin(tilt), Math.cos(tilt)];
    const size = Math.min(canvas.width, canvas.height) * 0.45;
    const places = [];
    for (let at = 0; values.length > at + 3; at += 4) {
      const [x, y, z] = [values[at] / 1000, values[at + 1] / 1000, values[at + 2] / 1000];
      const away = z * cosine - x * sine;
      const depth = y * rise + away * fall;
      const scale = 3 / (3 + depth);
      const across = (x * cosine + z * sine) * scale * size;
      const up = (y * fall - away * rise) * scale * size;
      places.push({ across, up, depth, scale, colour: colours[values[at + 3]] });
    }
    places.sort((a, b) => b.depth - a.depth);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    for (const place of places) {
      pen.globalAlpha = 0.65 - 0.35 * place.depth;
      pen.fillStyle = place.colour;
      pen.beginPath();
      pen.arc(canvas.width / 2 + place.across, canvas.height / 2 - place.up, 5 * place.scale, 0, 2 * Math.PI);
      pen.fill();
    }
  };
  const ask = () => {
    if (!isAsked) {
      isAsked = true;
      requestAnimationFrame(draw);
    }
  };
  const rotate = (across, up) => {
    turn += across;
    tilt = Math.max(-1.5, Math.min(1.5, tilt + up));
    ask();
  };
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) {
      rotate(-event.movementX / 150, -event.movementY / 150);
    }
  });
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
    if (event.key in steps) {
      event.preventDefault();
      rotate(...steps[event.key]);
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ask);
  ask();
}

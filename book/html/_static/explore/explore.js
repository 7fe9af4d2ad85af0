// Figures that run a model in the page: <figure class="explore" id="...">.
// Nothing is loaded before the reader reaches one. The picture that stands
// there is kept where scripts are off, or where anything here fails.
// explore/runtime.js is onnxruntime-web, explore/NAME.js a model in ONNX with
// what its figure needs to know: both made by book/explore.py, both plain
// scripts, since from file:// a page may run a script but not read a file.
"use strict";

(() => {
  const HERE = new URL(".", document.currentScript.src).href;
  const loading = {};                         // address: a promise
  const models = {};                          // name: {session, ...spec}

  // ------------------------------------------------------------- loading

  function script(name) {
    loading[name] ??= new Promise((done, failed) => {
      const tag = document.createElement("script");
      tag.src = HERE + name + ".js";
      tag.onload = done;
      tag.onerror = () => failed(Error(name + ".js could not be loaded"));
      document.head.append(tag);
    });
    return loading[name];
  }

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  // The runtime unpacks itself: {wasm, mjs} in base64, wasm compressed
  async function runtime() {
    await script("runtime");
    const { wasm, mjs } = tinygenExplore.runtime;
    const packed = new Blob([bytes(wasm)]).stream();
    ort.env.wasm.numThreads = 1;              // more want special headers
    ort.env.wasm.wasmBinary = await new Response(
      packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
    ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(
      new Blob([bytes(mjs)], { type: "text/javascript" })) };
  }

  async function model(name) {
    loading.ready ??= runtime();
    await Promise.all([loading.ready, script(name)]);
    const spec = tinygenExplore.models[name];
    models[name] ??= ort.InferenceSession.create(bytes(spec.onnx));
    return { ...spec, session: await models[name] };
  }

  // ------------------------------------------------------------- parts

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  const button = (text, onclick) =>
    element("button", { type: "button", onclick }, text);

  function slider(text, min, max, value, oninput) {
    const input = element("input",
      { type: "range", min, max, step: (max - min) / 200, value });
    input.addEventListener("input", oninput);
    return { input, row: element("label", { class: "explore-slider" },
      element("span", {}, text), input) };
  }

  function canvas(columns, rows, side, label) {
    return element("canvas", { width: columns * side, height: rows * side,
      class: "explore-image", role: "img", "aria-label": label,
      style: `width: ${Math.min(columns * 112, 448)}px` });
  }

  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random()))
    * Math.cos(2 * Math.PI * Math.random());
  const noise = (n) => Float32Array.from({ length: n }, normal);

  // y in [-1, 1], n images side x side x channels, into the canvas, in rows
  const byte = (y) => Math.round((y + 1) * 127.5);

  function paint(target, y, [n, side, , channels], columns) {
    const context = target.getContext("2d");
    for (let k = 0; k < n; k++) {
      const image = context.createImageData(side, side);
      for (let p = 0; p < side * side; p++) {
        const at = (k * side * side + p) * channels;
        for (let c = 0; c < 3; c++) {
          image.data[4 * p + c] = byte(y[at + (channels === 3 ? c : 0)]);
        }
        image.data[4 * p + 3] = 255;
      }
      context.putImageData(image, side * (k % columns),
        side * Math.floor(k / columns));
    }
  }

  // ------------------------------------------------------------- a figure

  // What all kinds share: show(inputs) runs the model and paints; while it
  // runs, only the newest inputs wait. Times are told under the picture.
  class Explorer {
    constructor(figure, spec) {
      this.figure = figure;
      this.spec = spec;
      this.status = element("output", { class: "explore-status" });
      this.frames = [];
    }

    async run(inputs) {                       // {name: [array, shape]}
      const feeds = {};
      for (const [name, [data, shape]] of Object.entries(inputs)) {
        feeds[name] = new ort.Tensor(
          data instanceof BigInt64Array ? "int64" : "float32", data, shape);
      }
      const { session } = this.spec;
      const y = (await session.run(feeds))[session.outputNames[0]];
      return { data: y.data, shape: y.dims };
    }

    async show(inputs, target, columns, since = performance.now()) {
      this.next = { inputs, target, columns, since };
      if (this.busy) return;
      this.busy = true;
      try {
        while (this.next) {
          const now = this.next;
          this.next = null;
          const began = performance.now();
          const y = await this.run(now.inputs);
          paint(now.target, y.data, y.shape, now.columns);
          this.last = { inputs: now.inputs, output: y.data,
            answered: performance.now() - now.since };
          this.tell(performance.now() - began);
        }
      } finally {             // or no later inputs would be heard
        this.busy = false;
      }
    }

    tell(milliseconds) {
      const now = performance.now();
      this.frames = [...this.frames.filter((t) => now - t < 1000), now];
      const span = now - this.frames[0];
      const rate = span > 200 ? (this.frames.length - 1) / span * 1000 : null;
      this.status.value = `${milliseconds.toFixed(1)} ms a picture`
        + (rate ? `, ${rate.toFixed(0)} frames a second` : "");
    }

    // A walk, frame by frame, until it is stopped
    player(step) {
      const play = button("Play", () => {
        this.playing = !this.playing;
        play.textContent = this.playing ? "Pause" : "Play";
        const frame = async () => {
          if (!this.playing) return;
          const { top, bottom } = this.figure.getBoundingClientRect();
          if (bottom > 0 && top < innerHeight) await step();
          requestAnimationFrame(frame);
        };
        frame();
      });
      return play;
    }

    place(pictures, controls, ...buttons) {
      const still = this.figure.querySelector("img");
      const panel = element("div", { class: "explore-panel" },
        element("div", { class: "explore-pictures" }, ...pictures),
        element("div", { class: "explore-controls" }, ...controls,
          element("div", { class: "explore-buttons" }, ...buttons),
          this.status));
      still.hidden = true;
      still.after(panel);
    }
  }

  // ------------------------------------------------------------- the kinds

  const kinds = {
    // From eight random images to eight others
    async walk(explorer) {
      const { noise: d, side } = explorer.spec, n = 8;
      let from = noise(n * d), to = noise(n * d);
      const target = canvas(4, 2, side, "Eight images drawn by the GAN");
      const at = slider("to eight others", 0, 1, 0, show);
      function show(event) {
        const t = at.input.valueAsNumber;
        const a = Math.cos(t * Math.PI / 2), b = Math.sin(t * Math.PI / 2);
        const z = from.map((x, i) => a * x + b * to[i]);
        return explorer.show({ z: [z, [n, d]] }, target, 4,
          event?.timeStamp);
      }
      function renew() {
        [from, to] = [noise(n * d), noise(n * d)];
        at.input.value = 0;
        return show();
      }
      const play = explorer.player(() => {
        if (at.input.valueAsNumber > 0.995) {
          [from, to] = [to, noise(n * d)];
          at.input.value = 0;
        } else {
          at.input.valueAsNumber += 0.01;
        }
        return show();
      });
      explorer.place([target], [at.row], button("New noise", renew), play);
      await show();
    },

    // One image, moved along directions that the spec names
    async directions(explorer) {
      const { noise: d, side, directions } = explorer.spec;
      let start = noise(d);
      const target = canvas(2, 2, side, "One image drawn by the GAN");
      target.width = target.height = side;
      const sliders = directions.map(({ name }) =>
        slider(name, -3, 3, 0, show));
      function show(event) {
        const z = start.map((x, i) => directions.reduce((sum, way, k) =>
          sum + sliders[k].input.valueAsNumber * way.z[i], x));
        return explorer.show({ z: [z, [1, d]] }, target, 1,
          event?.timeStamp);
      }
      function renew() {
        start = noise(d);
        return back();
      }
      function back() {
        sliders.forEach(({ input }) => { input.value = 0; });
        return show();
      }
      let t = 0;
      const play = explorer.player(() => {
        t += 0.02;
        sliders.forEach(({ input }, k) => {
          input.value = 2.5 * Math.sin(t * (1 + 0.37 * k));
        });
        return show();
      });
      explorer.place([target], sliders.map(({ row }) => row),
        button("New start", renew), button("Back to 0", back), play);
      await show();
    },

    // The plane of a VAE with two latents, under the pointer
    async plane(explorer) {
      const { side, reach } = explorer.spec, n = 12;
      const map = canvas(2, 2, side, "A map of the latent plane");
      map.width = map.height = n * side;
      const target = canvas(2, 2, side, "The image decoded at this point");
      target.width = target.height = side;
      const mark = element("span", { class: "explore-mark" });
      const ways = ["z\u2081", "z\u2082"].map((name) =>
        slider(name, -reach, reach, 0, show));
      function show(event) {
        const [x, y] = ways.map(({ input }) => input.valueAsNumber);
        mark.style.left = `${50 + 50 * x / reach}%`;
        mark.style.top = `${50 - 50 * y / reach}%`;
        return explorer.show(
          { z: [Float32Array.of(x, y), [1, 2]] }, target, 1,
          event?.timeStamp);
      }
      function point(event) {
        const box = map.getBoundingClientRect();
        const x = (event.clientX - box.left) / box.width;
        const y = (event.clientY - box.top) / box.height;
        ways[0].input.value = (2 * x - 1) * reach;
        ways[1].input.value = (1 - 2 * y) * reach;
        show(event);
      }
      map.addEventListener("pointermove", point);
      map.addEventListener("pointerdown", point);
      let t = 0;
      const play = explorer.player(() => {
        t += 0.01;
        ways[0].input.value = reach * 0.8 * Math.sin(t);
        ways[1].input.value = reach * 0.8 * Math.sin(1.6 * t);
        return show();
      });
      explorer.place(
        [element("div", { class: "explore-map" }, map, mark), target],
        ways.map(({ row }) => row), play);
      const grid = Float32Array.from({ length: 2 * n * n }, (_, i) => {
        const cell = Math.floor(i / 2), along = i % 2
          ? n - 1 - Math.floor(cell / n) : cell % n;
        return ((along + 0.5) / n * 2 - 1) * reach;
      });
      const y = await explorer.run({ z: [grid, [n * n, 2]] });
      paint(map, y.data, y.shape, n);
      await show();
    },

    // The same noise as another class
    async classes(explorer) {
      const { noise: d, side, classes } = explorer.spec, n = 8;
      let z = noise(n * d), chosen = 0;
      const target = canvas(4, 2, side, "Eight images of the chosen class");
      function show(event) {
        return explorer.show({ z: [z, [n, d]],
          label: [new BigInt64Array(n).fill(BigInt(chosen)), [n]] },
        target, 4, event?.timeStamp);
      }
      const group = element("fieldset", { class: "explore-classes" },
        element("legend", {}, "class"),
        ...classes.map((name, k) => {
          const input = element("input",
            { type: "radio", name: explorer.figure.id, value: k });
          input.checked = k === chosen;
          input.addEventListener("change", (event) => {
            chosen = k;
            show(event);
          });
          return element("label", {}, input, name);
        }));
      const renew = button("New noise", () => {
        z = noise(n * d);
        show();
      });
      explorer.place([target], [group], renew);
      await show();
    },

    // Draw on the left, see it translated on the right
    async restyle(explorer) {
      const { side, colours, drawings } = explorer.spec;
      const pad = canvas(2, 2, side, "Your drawing: draw with the pointer, "
        + "or move with the arrow keys and paint with the space bar");
      pad.setAttribute("role", "application");  // its keys are its own
      pad.width = pad.height = side;
      pad.tabIndex = 0;
      pad.classList.add("explore-pad");
      const target = canvas(2, 2, side, "Your drawing, translated");
      target.width = target.height = side;
      const context = pad.getContext("2d", { willReadFrequently: true });
      const mark = element("span", { class: "explore-mark" });
      const ground = colours.find(({ name }) => name === "light ground").rgb;
      const pen = { x: side / 2, y: side / 2, colour: colours[0].rgb };
      function show(event) {
        const { data } = context.getImageData(0, 0, side, side);
        const x = new Float32Array(side * side * 3);
        for (let p = 0; p < side * side; p++) {
          for (let c = 0; c < 3; c++) {
            x[3 * p + c] = data[4 * p + c] / 127.5 - 1;
          }
        }
        return explorer.show({ images: [x, [1, side, side, 3]] }, target, 1,
          event?.timeStamp);
      }
      function dab(event) {
        context.fillStyle = `rgb(${pen.colour})`;
        context.fillRect(Math.floor(pen.x) - 1, Math.floor(pen.y) - 1, 3, 3);
        show(event);
      }
      function point(event) {
        const box = pad.getBoundingClientRect();
        const x = (event.clientX - box.left) / box.width * side;
        const y = (event.clientY - box.top) / box.height * side;
        const steps = event.type === "pointerdown" ? 1
          : Math.ceil(Math.hypot(x - pen.x, y - pen.y)) || 1;
        const [fromX, fromY] = [pen.x, pen.y];
        for (let k = 1; k <= steps; k++) {
          pen.x = fromX + (x - fromX) * k / steps;
          pen.y = fromY + (y - fromY) * k / steps;
          dab(event);
        }
        move(0, 0);
      }
      function move(x, y) {
        pen.x = Math.max(0, Math.min(side - 1, pen.x + x));
        pen.y = Math.max(0, Math.min(side - 1, pen.y + y));
        mark.style.left = `${(Math.floor(pen.x) + 0.5) / side * 100}%`;
        mark.style.top = `${(Math.floor(pen.y) + 0.5) / side * 100}%`;
      }
      pad.addEventListener("pointerdown", (event) => {
        pad.setPointerCapture(event.pointerId);
        point(event);
      });
      pad.addEventListener("pointermove", (event) => {
        if (event.buttons) point(event);
      });
      pad.addEventListener("keydown", (event) => {
        const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0],
          ArrowUp: [0, -1], ArrowDown: [0, 1] };
        if (event.key in ways) move(...ways[event.key]);
        else if (event.key === " ") dab(event);
        else return;
        event.preventDefault();
      });
      function start(k) {
        if (k < 0) {
          context.fillStyle = `rgb(${ground})`;
          context.fillRect(0, 0, side, side);
          return show();
        }
        const given = bytes(drawings[k].rgb);
        const image = context.createImageData(side, side);
        for (let p = 0; p < side * side; p++) {
          image.data.set([...given.subarray(3 * p, 3 * p + 3), 255], 4 * p);
        }
        context.putImageData(image, 0, 0);
        return show();
      }
      const palette = element("fieldset", { class: "explore-classes" },
        element("legend", {}, "colour"), ...colours.map(({ name, rgb }, k) => {
          const input = element("input",
            { type: "radio", name: explorer.figure.id });
          input.checked = k === 0;
          input.addEventListener("change", () => { pen.colour = rgb; });
          return element("label", {}, input, element("span", {
            class: "explore-colour", style: `background: rgb(${rgb})` }),
          name);
        }));
      const pick = element("select", {}, ...drawings.map(({ name }, k) =>
        element("option", { value: k }, name)),
      element("option", { value: -1 }, "nothing"));
      pick.addEventListener("change", () => start(pick.value));
      explorer.place(
        [element("div", { class: "explore-map" }, pad, mark), target],
        [element("label", { class: "explore-slider" },
          element("span", {}, "begin with"), pick), palette]);
      move(0, 0);
      await start(0);
    },
  };

  // ------------------------------------------------------------- begin

  window.tinygenExplore = { models: {} };
  const figures = { "explore-walk": ["gan", "walk"],
    "explore-directions": ["gan", "directions"],
    "explore-plane": ["plane", "plane"],
    "explore-classes": ["classes", "classes"],
    "explore-restyle": ["restyle", "restyle"] };

  async function begin(figure) {
    const [name, kind] = figures[figure.id];
    const note = element("p", { class: "explore-status" },
      "Loading the model: some 5 MB, once.");
    figure.querySelector("img").after(note);
    try {
      figure.explorer = new Explorer(figure, await model(name));
      await kinds[kind](figure.explorer);
      figure.dataset.state = "ready";
      note.remove();
    } catch (error) {
      figure.querySelector(".explore-panel")?.remove();
      figure.querySelector("img").hidden = false;
      note.textContent = "This browser could not run the model, so the "
        + `picture stays as it is (${error.message ?? error}).`;
      figure.dataset.state = "failed";
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const reached = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        reached.unobserve(target);
        begin(target);
      }
    }, { rootMargin: "300px" });
    for (const id of Object.keys(figures)) {
      const figure = document.getElementById(id);
      if (figure) reached.observe(figure);
    }
  });
})();

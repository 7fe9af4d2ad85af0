// Figures that run a model in the page: <figure class="explore" id="...">.
// A page with a figure loads specs.js, 30 KB, and sets its controls, unseen,
// under the picture that stands there: so nothing moves later. The model is
// loaded when the reader reaches the figure; then the picture gives way. It
// stays where scripts are off, on paper, or where anything here fails.
// explore/runtime.js is onnxruntime-web, explore/NAME.js a model in ONNX,
// specs.js what the figures need to know: made by book/explore.py, all plain
// scripts, since from file:// a page may run a script but not read a file.
"use strict";

(() => {
  const HERE = new URL(".", document.currentScript.src).href;
  const loading = {};                         // name: a promise

  // ------------------------------------------------------------- loading

  // The promise that make() gives, once for each name; after a failure anew
  function once(name, make) {
    loading[name] ??= make().catch((error) => {
      delete loading[name];
      throw error;
    });
    return loading[name];
  }

  const script = (name) => once(`${name}.js`, () =>
    new Promise((done, failed) => {
      const tag = document.createElement("script");
      tag.src = `${HERE}${name}.js`;
      tag.onload = done;
      tag.onerror = () => {
        tag.remove();
        failed(Error(`${name}.js could not be loaded`));
      };
      document.head.append(tag);
    }));

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

  const model = (name) => once(name, async () => {
    await Promise.all([once("runtime", runtime), script(name)]);
    return ort.InferenceSession.create(bytes(tinygenExplore.models[name]));
  });

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

  const signed = (x) => ["\u2212", "", "+"][Math.sign(x) + 1]
    + Math.abs(x).toFixed(2);

  // say(value): the words beside the slider; tell() writes them
  function slider(text, min, max, value, oninput, say = signed) {
    const told = element("span", { class: "explore-value" });
    const input = element("input",
      { type: "range", min, max, step: (max - min) / 200, value, oninput });
    function tell() {
      const words = say(input.valueAsNumber);
      if (words === told.textContent) return;
      told.textContent = words;
      input.setAttribute("aria-valuetext", words);
    }
    tell();
    return { input, tell, row: element("label", { class: "explore-slider" },
      element("span", {}, text), input, told) };
  }

  // Of width x height pixels, shown `wide` pixels wide
  const canvas = (width, height, wide, label) =>
    element("canvas", { width, height, class: "explore-image", role: "img",
      "aria-label": label, style: `width: ${wide}px` });

  const one = (side, label) => canvas(side, side, 224, label);
  const eight = (side, label) => canvas(4 * side, 2 * side, 448, label);

  // Radio buttons; contents: a text, or a list of parts, of each
  function choice(explorer, legend, contents, chosen) {
    return element("fieldset", { class: "explore-classes" },
      element("legend", {}, legend), ...contents.map((parts, k) => {
        const input = element("input", { type: "radio",
          name: explorer.figure.id, onchange: (event) => chosen(k, event) });
        input.checked = k === 0;
        return element("label", {}, input, ...[parts].flat());
      }));
  }

  // A canvas one points at or moves on by keys, and the ring that shows where
  function marked(target, role) {
    const mark = element("span", { class: "explore-mark" });
    target.setAttribute("role", role);
    target.tabIndex = 0;
    return [element("div", { class: "explore-map" }, target, mark), mark];
  }

  // Listens to a pointer, its first finger or button; moves count if `held`
  // or if they need not be. point(x, y, event): in [0, 1], y downwards
  function pointed(target, mustHold, point) {
    function heard(event) {
      if (!event.isPrimary || event.button > 0
          || (mustHold && !(event.buttons & 1))) return;
      const box = target.getBoundingClientRect();
      point((event.clientX - box.left) / box.width,
        (event.clientY - box.top) / box.height, event);
    }
    target.addEventListener("pointerdown", (event) => {
      target.setPointerCapture(event.pointerId);
      heard(event);
    });
    target.addEventListener("pointermove", heard);
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0],
    ArrowUp: [0, -1], ArrowDown: [0, 1] };

  // Listens to keys: move(x, y) by the arrows, other[key](event)
  function keyed(target, move, other = {}) {
    target.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key in ARROWS) move(...ARROWS[event.key], event);
      else if (event.key in other) other[event.key](event);
      else return;
      event.preventDefault();
    });
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
      Object.assign(this, { figure, spec, frames: [], sliders: [] });
      this.status = element("output", { class: "explore-status" });
      this.stage = element("div", { class: "explore-stage" });
      const still = figure.querySelector("img");
      still.replaceWith(this.stage, this.status);
      this.stage.append(still);
    }

    async run(inputs) {                       // {name: [array, shape]}
      const feeds = {};
      for (const [name, [data, shape]] of Object.entries(inputs)) {
        feeds[name] = new ort.Tensor(
          data instanceof BigInt64Array ? "int64" : "float32", data, shape);
      }
      const y = (await this.session.run(feeds))[this.session.outputNames[0]];
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
          this.sliders.forEach(({ tell }) => tell());
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

    // A control is an element, or a slider
    place(pictures, controls, ...buttons) {
      this.sliders = controls.filter(({ tell }) => tell);
      this.stage.append(element("div", { class: "explore-panel" },
        element("div", { class: "explore-pictures" }, ...pictures.map(
          (picture) => element("div", {}, picture, element("div",
            { class: "explore-name", "aria-hidden": true },
            (picture.querySelector("canvas") ?? picture)
              .getAttribute("aria-label"))))),
        element("div", { class: "explore-controls" },
          ...controls.map((control) => control.row ?? control),
          element("div", { class: "explore-buttons" }, ...buttons))));
    }
  }

  // ------------------------------------------------------------- the kinds

  // Each places its controls, and returns what shows the first picture.
  const kinds = {
    // From eight random images to eight others
    walk(explorer) {
      const { noise: d, side } = explorer.spec, n = 8;
      let from = noise(n * d), to = noise(n * d);
      const target = eight(side, "eight images drawn by the GAN");
      const at = slider("to eight others", 0, 1, 0, show,
        (t) => `${Math.round(100 * t)} %`);
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
      explorer.place([target], [at], button("New noise", renew), play);
      return show;
    },

    // One image, moved along directions that the spec names
    directions(explorer) {
      const { noise: d, side, directions } = explorer.spec;
      let start = noise(d);
      const target = one(side, "an image drawn by the GAN");
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
      explorer.place([target], sliders,
        button("New image", renew), button("Back to 0", back), play);
      return show;
    },

    // The plane of a VAE with two latents, under the pointer or by keys
    plane(explorer) {
      const { side, reach } = explorer.spec, n = 12;
      const map = canvas(n * side, n * side, 300,
        "map: z\u2081 grows to the right, z\u2082 upwards");
      const target = one(side, "the image decoded at the ring");
      const [area, mark] = marked(map, "slider");
      map.setAttribute("aria-valuemin", -reach);
      map.setAttribute("aria-valuemax", reach);
      const ways = ["z\u2081", "z\u2082"].map((name) =>
        slider(name, -reach, reach, 0, show));
      function show(event) {
        const [x, y] = ways.map(({ input }) => input.valueAsNumber);
        mark.style.left = `${50 + 50 * x / reach}%`;
        mark.style.top = `${50 - 50 * y / reach}%`;
        map.setAttribute("aria-valuenow", x);
        map.setAttribute("aria-valuetext",
          `z\u2081 ${signed(x)}, z\u2082 ${signed(y)}`);
        return explorer.show(
          { z: [Float32Array.of(x, y), [1, 2]] }, target, 1,
          event?.timeStamp);
      }
      pointed(map, false, (x, y, event) => {
        ways[0].input.value = (2 * x - 1) * reach;
        ways[1].input.value = (1 - 2 * y) * reach;
        show(event);
      });
      keyed(map, (x, y, event) => {       // a quarter of a cell; or a cell
        const step = reach / n * (event.shiftKey ? 2 : 0.5);
        ways[0].input.valueAsNumber += x * step;
        ways[1].input.valueAsNumber -= y * step;
        show(event);
      });
      let t = 0;
      const play = explorer.player(() => {
        t += 0.01;
        ways[0].input.value = reach * 0.8 * Math.sin(t);
        ways[1].input.value = reach * 0.8 * Math.sin(1.6 * t);
        return show();
      });
      explorer.place([area, target], ways, play);
      const grid = Float32Array.from({ length: 2 * n * n }, (_, i) => {
        const cell = Math.floor(i / 2), along = i % 2
          ? n - 1 - Math.floor(cell / n) : cell % n;
        return ((along + 0.5) / n * 2 - 1) * reach;
      });
      return async () => {
        const y = await explorer.run({ z: [grid, [n * n, 2]] });
        paint(map, y.data, y.shape, n);
        return show();
      };
    },

    // The same noise as another class
    classes(explorer) {
      const { noise: d, side, classes } = explorer.spec, n = 8;
      let z = noise(n * d), chosen = 0;
      const target = eight(side, "eight images of the chosen class");
      function show(event) {
        return explorer.show({ z: [z, [n, d]],
          label: [new BigInt64Array(n).fill(BigInt(chosen)), [n]] },
        target, 4, event?.timeStamp);
      }
      const group = choice(explorer, "class", classes, (k, event) => {
        chosen = k;
        show(event);
      });
      const renew = button("New noise", () => {
        z = noise(n * d);
        show();
      });
      explorer.place([target], [group], renew);
      return show;
    },

    // Draw on the left, see it translated on the right
    restyle(explorer) {
      const { side, colours, drawings } = explorer.spec;
      const pad = one(side, "your drawing: draw here");
      const target = one(side, "its translation");
      const [area, mark] = marked(pad, "application");  // its keys are its own
      const context = pad.getContext("2d", { willReadFrequently: true });
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
      function move(x, y) {
        pen.x = Math.max(0, Math.min(side - 1, pen.x + x));
        pen.y = Math.max(0, Math.min(side - 1, pen.y + y));
        mark.style.left = `${(Math.floor(pen.x) + 0.5) / side * 100}%`;
        mark.style.top = `${(Math.floor(pen.y) + 0.5) / side * 100}%`;
      }
      pointed(pad, true, (x, y, event) => {
        const [fromX, fromY] = [pen.x, pen.y];
        const [wayX, wayY] = [x * side - fromX, y * side - fromY];
        const steps = event.type === "pointerdown" ? 1
          : Math.ceil(Math.hypot(wayX, wayY)) || 1;
        for (let k = 1; k <= steps; k++) {
          pen.x = fromX + wayX * k / steps;
          pen.y = fromY + wayY * k / steps;
          dab(event);
        }
        move(0, 0);
      });
      keyed(pad, move, { " ": dab });
      function start() {
        const given = drawings[pick.value]?.rgb;
        if (!given) {
          context.fillStyle = `rgb(${ground})`;
          context.fillRect(0, 0, side, side);
          return show();
        }
        const rgb = bytes(given);
        const image = context.createImageData(side, side);
        for (let p = 0; p < side * side; p++) {
          image.data.set([...rgb.subarray(3 * p, 3 * p + 3), 255], 4 * p);
        }
        context.putImageData(image, 0, 0);
        return show();
      }
      const palette = choice(explorer, "colour of the pen", colours.map(
        ({ name, rgb }) => [element("span", { class: "explore-colour",
          style: `background: rgb(${rgb})` }), name]),
      (k) => { pen.colour = colours[k].rgb; });
      const pick = element("select", { onchange: start },
        ...drawings.map(({ name }, k) => element("option", { value: k },
          name)), element("option", { value: -1 }, "nothing"));
      explorer.place([area, target], [element("label",
        { class: "explore-slider" }, element("span", {}, "begin with"), pick,
        button("Begin again", start)), palette]);
      move(0, 0);
      return start;
    },
  };

  // ------------------------------------------------------------- begin

  window.tinygenExplore = { models: {} };
  const figures = { "explore-walk": ["gan", "walk"],
    "explore-directions": ["gan", "directions"],
    "explore-plane": ["plane", "plane"],
    "explore-classes": ["classes", "classes"],
    "explore-restyle": ["restyle", "restyle"] };

  async function begin({ figure, start, status }, name) {
    delete figure.dataset.state;
    status.value = "Loading the model: some 5 MB, once.";
    try {
      figure.explorer.session = await model(name);
      await start();
      status.setAttribute("aria-live", "off");    // not each frame's time
      status.value = "The model runs in this page.";
      figure.dataset.state = "ready";
    } catch (error) {
      status.value = "The model could not be loaded, or this browser cannot "
        + `run it (${error.message ?? error}). The picture stays. `;
      status.append(button("Try again", () => begin(figure.explorer, name)));
      figure.dataset.state = "failed";
    }
  }

  document.addEventListener("DOMContentLoaded", async () => {
    const here = Object.keys(figures).map(
      (id) => document.getElementById(id)).filter(Boolean);
    if (!here.length) return;
    try {
      await script("specs");
    } catch (error) {
      here.forEach((figure) => figure.querySelector("img").after(
        element("p", { class: "explore-status" }, "The picture stays as it "
          + `is (${error.message}): reload the page to try again.`)));
      return;
    }
    const reached = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        reached.unobserve(target);
        begin(target.explorer, figures[target.id][0]);
      }
    }, { rootMargin: "300px" });
    for (const figure of here) {
      const [name, kind] = figures[figure.id];
      figure.explorer = new Explorer(figure, tinygenExplore.specs[name]);
      figure.explorer.start = kinds[kind](figure.explorer);
      reached.observe(figure);
    }
  });
})();

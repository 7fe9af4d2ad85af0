"""The figures that run in the page: what they draw is what tinygen draws.

In headless Chromium, on the rendered book.
"""

import functools
import http.server
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from test_accessibility import violations

import tinygen as tg
from tinygen import training

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "book/html"
PLACES = {"explore-walk": "00_preface", "explore-directions": "04_1_gan",
          "explore-plane": "04_2_vae", "explore-restyle": "04_3_cyclegan",
          "explore-classes": "05_future_and_challenges"}
MODELS = {"explore-walk": "gan", "explore-directions": "gan",
          "explore-plane": "plane", "explore-restyle": "restyle",
          "explore-classes": "classes"}
TOLD = json.loads((ROOT / "chapters/runs/explore.json").read_text())
each = pytest.mark.parametrize("name", PLACES)


def expected(name, inputs):
    """tinygen's images for what the figure gave its model."""
    run = TOLD[MODELS[name]]["run"]
    model, _ = training.load_model(ROOT / f"chapters/runs/{run}.safetensors")
    x = {key: np.array(value, np.float32).reshape(shape)
         for key, (value, shape) in inputs.items()}
    if name == "explore-plane":
        return model.decode(x["z"])
    if name == "explore-restyle":
        return model.translate(x["images"])
    labels = x["label"].astype(int) if "label" in x else None
    with tg.no_grad():
        return model.g(tg.Tensor(model.told(x["z"], labels))).data


def reach(tab, name, address=None):
    """Open the figure's page and go to it; what went wrong meanwhile."""
    problems, page = [], f"chapters/{PLACES[name]}.html"
    tab.on("console", lambda m: problems.append(m.text)
           if m.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("request", lambda r: problems.append(r.url) if not r.url.startswith(
        ("file:", "blob:", "data:", address or "file:")) else None)
    tab.goto(f"{address}/{page}" if address else (HTML / page).as_uri())
    assert tab.locator(f"#{name}").count(), "not there: run make book"
    tab.wait_for_function(f"document.getElementById('{name}').explorer")
    before = height(tab, name)
    tab.locator(f"#{name}").scroll_into_view_if_needed()
    tab.wait_for_function(f"document.getElementById('{name}').dataset.state")
    assert tab.evaluate(
        f"document.getElementById('{name}').dataset.state") == "ready"
    assert height(tab, name) == before      # nothing jumps as it comes alive
    return problems


def height(tab, name):
    return tab.locator(f"#{name}").bounding_box()["height"]


def last(tab, name):
    return tab.evaluate(f"""() => {{
        const {{ inputs, output, answered }} =
            document.getElementById('{name}').explorer.last;
        return [Object.fromEntries(Object.entries(inputs).map(
            ([key, [data, shape]]) => [key,
                [Array.from(data, Number), shape]])),
            Array.from(output), answered]; }}""")


@pytest.mark.long
@each
def test_a_figure_draws_what_tinygen_draws(tab, require, name):
    assert reach(tab, name) == []
    assert violations(tab, require, context=f"#{name}") == {}
    inputs, output, _ = last(tab, name)
    wanted = expected(name, inputs)
    got = np.array(output, np.float32).reshape(wanted.shape)
    assert np.abs(tg.data.to_uint8(got).astype(int)
                  - tg.data.to_uint8(wanted)).max() <= 1
    shown = tab.evaluate(f"""() => {{
        const all = document.querySelectorAll('#{name} canvas');
        const canvas = all[all.length - 1];
        const {{ data }} = canvas.getContext('2d').getImageData(
            0, 0, {wanted.shape[1]}, {wanted.shape[1]});
        return Array.from(data); }}""")
    first = np.array(shown).reshape(*wanted.shape[1:3], 4)[..., :3]
    assert np.abs(first - tg.data.to_uint8(wanted[0])).max() <= 1


@pytest.mark.long
@each
def test_a_figure_answers_keys_at_once(tab, name):
    assert reach(tab, name) == []
    control = tab.locator(
        f"#{name} canvas[tabindex], #{name} input").first
    before, times = last(tab, name)[0], []
    for _ in range(15):
        control.press("ArrowRight")
        if name == "explore-restyle":
            control.press("Space")
        if name == "explore-classes":
            control = tab.locator(f"#{name} input:checked")
        tab.wait_for_function(
            f"!document.getElementById('{name}').explorer.busy")
        times.append(last(tab, name)[2])
    assert last(tab, name)[0] != before
    assert np.median(times) < 50, times
    status = tab.locator(f"#{name} output")
    assert "ms a picture" in status.inner_text()
    assert status.get_attribute("aria-live") == "off"   # not at each frame


@pytest.mark.long
def test_the_map_moves_by_keys_and_says_where_it_is(tab):
    reach(tab, "explore-plane")
    area = tab.locator("#explore-plane canvas").first
    tab.keyboard.press("Tab")       # so that focus comes by keys: a ring
    area.focus()
    for keys, told in (["ArrowRight", "ArrowUp"] * 2, "+0.20"), (
            ["Shift+ArrowRight", "Shift+ArrowUp"], "+0.63"), (
            ["Shift+ArrowLeft", "Shift+ArrowDown"] * 9, "\u22122.50"):
        for key in keys:
            tab.keyboard.press(key)
        tab.wait_for_function(
            "!document.getElementById('explore-plane').explorer.busy")
        where = area.get_attribute("aria-valuetext")
        assert where.count(told) == 2, where
        assert tab.locator("#explore-plane .explore-value").all_inner_texts(
            ) == [told] * 2
    assert area.get_attribute("role") == "slider"
    assert "solid" in area.evaluate("e => getComputedStyle(e).outline")


@pytest.mark.long
def test_only_the_first_finger_and_button_draw(tab):
    reach(tab, "explore-restyle")
    changed = """(kind) => {
        const pad = document.querySelector('#explore-restyle canvas');
        const box = pad.getBoundingClientRect();
        const before = pad.toDataURL();
        pad.setPointerCapture = () => {};
        for (const name of ['pointerdown', 'pointermove']) {
            pad.dispatchEvent(new PointerEvent(name, { ...kind,
                clientX: box.left + 9, clientY: box.top + 9 }));
        }
        return pad.toDataURL() !== before; }"""
    for kind, draws in (
            ({"isPrimary": False, "buttons": 1}, False),
            ({"isPrimary": True, "button": 2, "buttons": 2}, False),
            ({"isPrimary": True, "buttons": 1}, True)):
        assert tab.evaluate(changed, kind) is draws, kind
    tab.locator("#explore-restyle button", has_text="Begin again").click()
    assert tab.evaluate(changed, {"isPrimary": True, "buttons": 1})


@pytest.mark.long
def test_on_paper_the_picture_stands(tab):
    reach(tab, "explore-plane")
    tab.emulate_media(media="print")
    assert tab.locator("#explore-plane img").is_visible()
    assert not tab.locator("#explore-plane .explore-panel").is_visible()
    tab.emulate_media(media="screen")
    assert not tab.locator("#explore-plane img").is_visible()


@pytest.mark.long
def test_from_a_server_as_from_files(tab):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(
            Quiet, directory=HTML)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert reach(tab, "explore-walk", address) == []
        server.shutdown()


@pytest.mark.long
@pytest.mark.parametrize("name", ["explore-plane", "explore-restyle"])
def test_a_finger_does_what_the_pointer_does(tab, name):
    phone = tab.context.browser.new_context(
        has_touch=True, viewport={"width": 390, "height": 800})
    touched = phone.new_page()
    assert reach(touched, name) == []
    before = last(touched, name)[0]
    touched.locator(f"#{name} canvas").first.tap(position={"x": 30, "y": 40})
    touched.wait_for_function(
        f"!document.getElementById('{name}').explorer.busy")
    assert last(touched, name)[0] != before
    width = touched.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    phone.close()


@pytest.mark.long
def test_one_can_draw_on_an_empty_ground(tab):
    reach(tab, "explore-restyle")
    tab.locator("#explore-restyle select").select_option(label="nothing")
    tab.wait_for_function("""() => {
        const { busy, last } =
            document.getElementById('explore-restyle').explorer;
        const [x] = last.inputs.images;
        return !busy && x.every((v, i) => v === x[i % 3]); }""")


@pytest.mark.long
def test_play_moves_and_pause_stops(tab):
    reach(tab, "explore-walk")
    play = tab.locator("#explore-walk button", has_text="Play")
    play.click()
    tab.wait_for_function("/frames a second/.test(document.querySelector("
                          "'#explore-walk output').textContent)")
    tab.locator("#explore-walk button", has_text="Pause").click()
    tab.wait_for_timeout(300)
    before = last(tab, "explore-walk")[0]
    tab.wait_for_timeout(300)
    assert last(tab, "explore-walk")[0] == before


@pytest.mark.long
@each
def test_without_scripts_the_picture_stays(tab, name):
    plain = tab.context.browser.new_context(java_script_enabled=False)
    page = plain.new_page()
    page.goto((HTML / f"chapters/{PLACES[name]}.html").as_uri())
    picture = page.locator(f"#{name} img")
    assert picture.is_visible() and len(picture.get_attribute("alt")) > 40
    plain.close()


@pytest.mark.long
def test_where_it_cannot_run_the_picture_stays_and_a_line_says_so(tab):
    tab.route("**/explore/runtime.js", lambda route: route.abort())
    tab.goto((HTML / "chapters/04_2_vae.html").as_uri())
    figure = tab.locator("#explore-plane")
    figure.scroll_into_view_if_needed()
    tab.wait_for_function("document.getElementById('explore-plane')"
                          ".dataset.state === 'failed'")
    assert figure.locator("img").is_visible()
    assert "runtime.js could not be loaded" in figure.inner_text()
    tab.unroute("**/explore/runtime.js")
    figure.locator("button", has_text="Try again").click()
    tab.wait_for_function("document.getElementById('explore-plane')"
                          ".dataset.state === 'ready'")
    assert not figure.locator("img").is_visible()


@pytest.mark.long
def test_without_its_controls_the_picture_stays_and_a_line_says_so(tab):
    tab.route("**/explore/specs.js", lambda route: route.abort())
    tab.goto((HTML / "chapters/04_2_vae.html").as_uri())
    tab.wait_for_selector("#explore-plane .explore-status")
    tab.unroute("**/explore/specs.js")
    figure = tab.locator("#explore-plane")
    assert figure.locator("img").is_visible()
    assert "specs.js could not be loaded): reload" in figure.inner_text()


def test_the_models_are_small():
    for name, told in TOLD.items():
        assert told["bytes"] < 700_000, name
        assert len(told["fid"]) == len(told["full_fid"]) == 3


def test_the_page_has_no_more_figures_than_it_knows():
    script = (ROOT / "book/_vendor/explore/explore.js").read_text()
    chapters = {name: (ROOT / f"chapters/{page}.ipynb").read_text()
                for name, page in PLACES.items()}
    for name, text in chapters.items():
        assert f'"{name}"' in script and f'"{name}"' in text

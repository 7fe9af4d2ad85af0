"""Kill a training with SIGKILL, resume it, compare with one never killed.

python tests/reliability/kill_resume.py [--kills 20] [--models gan ...]

For each model on both kernel paths: one straight run, then trials, each in
a folder of its own: begin, be killed, resume, be killed again or not, and
so on to the end. Half of the kills come at a random moment, after import.
The other half inside a writing, made sure of: the child stops there for
good, and says so. What must hold in the end: every array of the checkpoint
(weights, Adam's means, buffers, the pool, the history) and its header but
for the seconds equal the straight run's to the bit; so do history.csv and
the samples; no file is left over. Exit code 1 if not.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS, EVERY = 60, 3
MODELS = {"gan": {"width": 4, "spectral": True, "average": 0.9},
          "vae": {"width": 4, "latent": 8, "warmup": 40},
          "cyclegan": {"width": 2, "blocks": 1, "pool": 5,
                       "schedule": STEPS}}
PLACES = ("half", "written", "synced", "in place")


# ---- the child: a training that may stop inside a writing ------------------


def stop_at(place, number):
    """Stop for good at the number-th time that `place` is reached.

    half      half of a checkpoint's bytes are in the temporary file
    written   a temporary file is whole, not yet fsynced
    synced    fsynced, not yet moved to its name
    in place  moved
    """
    left = [number]

    def reached(here):
        if here == place:
            left[0] -= 1
            if left[0] == 0:
                print("stopped", flush=True)
                time.sleep(600)

    write, fsync, replace = Path.write_bytes, os.fsync, os.replace

    def write_half(path, data):
        if path.suffix == ".safetensors":
            write(path, data[:len(data) // 2])
            reached("half")
        return write(path, data)

    def sync(descriptor):
        reached("written")
        fsync(descriptor)
        reached("synced")

    def move(old, new):
        replace(old, new)
        reached("in place")

    Path.write_bytes, os.fsync, os.replace = write_half, sync, move


def child(name, out, place, number):
    """Train to the end; resume if there is a checkpoint."""
    import tinygen as tg
    from tinygen.training import CHECKPOINT
    images = tg.data.sprites(40, rng=0, size=16)[0]
    if name == "cyclegan":
        images = images, tg.data.sprites(30, style="striped", rng=1,
                                         size=16)[0]
    model = tg.models.build(name, MODELS[name] | {"size": 16})
    resume = (Path(out) / CHECKPOINT).exists()
    if place:
        stop_at(place, int(number))
    print("going", flush=True)
    tg.fit(model, images, STEPS, batch=4, out=out, resume=resume,
           sample_every=2 * EVERY, checkpoint_every=EVERY, progress=False)


# ---- the parent: kills and compares ----------------------------------------


def start(name, out, kernels, *stop):
    """A child; it has imported and built when this returns."""
    env = os.environ | {"TINYGEN_KERNELS": kernels, "TINYGEN_PROGRESS": "0"}
    process = subprocess.Popen(
        [sys.executable, __file__, "--child", name, out, *stop], env=env,
        stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "going\n":
        raise SystemExit(f"{name} in {out} did not start")
    return process


def finish(name, out, kernels):
    """Train on to the end; the seconds it took."""
    with start(name, out, kernels) as process:
        began = time.perf_counter()
        if process.wait() != 0:
            raise SystemExit(f"{name} in {out} could not go on")
        return time.perf_counter() - began


def kill(name, out, kernels, seconds, rng, inside):
    """Start a child and kill it; where: "half", ..., "moment", or "end"."""
    if inside:
        place = rng.choice(PLACES)
        process = start(name, out, kernels, place, str(rng.randint(1, 12)))
        place = place if process.stdout.readline() else "end"
    else:
        place, process = "moment", start(name, out, kernels)
        try:
            process.wait(rng.uniform(0, seconds))
            place = "end"
        except subprocess.TimeoutExpired:
            pass
    process.kill()
    process.communicate()
    return place


def contents(out):
    """What must be equal: {name: value} of a run's folder."""
    from tinygen import checkpoint
    arrays, meta = checkpoint.load(out / "checkpoint.safetensors")
    del meta["seconds"]
    files = {str(path.relative_to(out)): path.read_bytes()
             for path in out.rglob("*")
             if path.is_file() and path.suffix != ".safetensors"}
    return {name: (array.dtype.str, array.shape, array.tobytes())
            for name, array in arrays.items()} | meta | files


def differences(name, kernels, kills, seed, say=print):
    """Kill and resume until there are `kills`; the names of what differs.

    Says how many kills there were, and where.
    """
    rng, where, wrong = random.Random(seed), {}, set()
    with tempfile.TemporaryDirectory() as folder:
        finish(name, f"{folder}/warm", kernels)         # compiles, perhaps
        straight = Path(folder, "straight")
        seconds = finish(name, straight, kernels)
        want = contents(straight)
        while sum(where.values()) - where.get("end", 0) < kills:
            out = Path(folder, f"{sum(where.values())}")
            for _ in range(rng.randint(1, 3)):
                place = kill(name, out, kernels, seconds, rng,
                             inside=sum(where.values()) % 2)
                where[place] = where.get(place, 0) + 1
            finish(name, out, kernels)
            got = contents(out)
            wrong |= {f"{key} ({out.name})" for key in want.keys() | got
                      if want.get(key) != got.get(key)}
    say(f"{name}, {kernels}: " + ", ".join(
        f"{n} {place}" for place, n in sorted(where.items()))
        + f"; {len(want)} entries, {len(wrong)} differ", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--kernels", nargs="+", default=["numba", "plain"])
    args = parser.parse_args()
    wrong = [(name, kernels, what) for kernels in args.kernels
             for name in args.models
             for what in differences(name, kernels, args.kills, args.seed)]
    print(*wrong or ["equal to the bit"], sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:4], *(sys.argv[4:] or [None, None]))
    else:
        sys.exit(main())

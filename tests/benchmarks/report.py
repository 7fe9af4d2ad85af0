"""The benchmark's tables, for the terminal and for README.md."""
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LATEST = Path(__file__).parent / "latest.json"
BEGIN = "<!-- benchmark: make benchmark writes from here"
END = "<!-- to here -->"

QUIET = 0.05        # the share of the processors that others may have


def rounded(value, digits=4):
    """All numbers inside to 4 digits: the file stays readable."""
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def save(results):
    LATEST.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        readme.write_text(before + block(results) + after, "utf-8")


def block(results):
    """README.md's table: the training steps, and the process's start."""
    lines = [BEGIN + " -->", "",
             "| | tinygen | PyTorch | PyTorch's / tinygen's |",
             "|---|---|---|---|"]
    for name, row in results["steps"].items():
        lines.append(f"| {name} | {row['ours_ms']:.0f} ms | "
                     f"{row['pytorch_ms']:.0f} ms | {row['ratio']:.2f} |")
    row = results["start"]
    lines.append(f"| start to first step | {row['ours_s']:.1f} s | "
                 f"{row['pytorch_s']:.1f} s | {row['ratio']:.2f} |")
    row = results["memory"]
    lines.append(f"| most memory, GAN | {row['ours_mb']:.0f} MB | "
                 f"{row['pytorch_mb']:.0f} MB | {row['ratio']:.2f} |")
    where, share = results["machine"], results["others_share"] or 0
    lines += ["", f"{where['cpu']}, {where['threads']} threads, "
              f"{results['date']}, PyTorch {results['versions']['torch']}."]
    if share > QUIET:
        lines += [f"Meanwhile other processes had {share:.0%} of the "
                  "processors, which PyTorch suffers from more."]
    lines += ["", END]
    return "\n".join(lines)


def show_head(machine, versions, rate):
    print(f"{machine['cpu']}, {machine['threads']} threads of "
          f"{machine['cores']} cores, {' '.join(machine['vectors'])}")
    print(", ".join(f"{key} {value}" for key, value in versions.items()))
    print(f"SGEMM {rate:.0f} GFLOP/s")


def show_steps_head():
    print(f"\n{'training step':22}{'ours ms':>9}{'PyTorch':>9}{'ratio':>7}"
          f"   all of PyTorch's", flush=True)


def show_step(name, row):
    others = ", ".join(f"{who} {t:.1f}" for who, t in
                       row["pytorch_all_ms"].items())
    print(f"{name:22}{row['ours_ms']:9.1f}{row['pytorch_ms']:9.1f}"
          f"{row['ratio']:7.2f}   {others}", flush=True)


def show_ops(rows):
    print(f"\n{'op':66}{'ours ms':>9}{'PyTorch':>9}{'ratio':>7}"
          f"{'GFLOP/s':>9}{'of SGEMM':>10}")
    for name, row in rows.items():
        speed = (f"{row['gflops']:9.0f}{row['of_sgemm']:10.0%}"
                 if "gflops" in row else "")
        print(f"{name:66}{row['ours_ms']:9.3f}{row['pytorch_ms']:9.3f}"
              f"{row['ratio']:7.2f}{speed}")
    worst = min(rows, key=lambda name: rows[name]["ratio"])
    print(f"worst: {rows[worst]['ratio']:.2f}, {worst}")


def show_start(start, memory):
    print(f"\nprocess start to first step: ours {start['ours_s']:.2f} s, "
          f"PyTorch {start['pytorch_s']:.2f} s, ratio {start['ratio']:.2f}")
    if "empty_cache_s" in start:
        print(f"with an empty kernel cache: {start['empty_cache_s']:.1f} s, "
              f"saying first: {start['announced']!r}")
    print(f"peak memory: ours {memory['ours_mb']:.0f} MB, PyTorch "
          f"{memory['pytorch_mb']:.0f} MB, ratio {memory['ratio']:.2f}")


def show_others(share):
    if share is not None:
        print(f"\nother processes had {share:.1%} of the processors"
              + (": too much, measure again on a quiet machine"
                 if share > QUIET else ""), flush=True)

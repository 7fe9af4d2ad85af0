"""The recipe of a Tensor as a picture: boxes for ops, arrows for inputs.

For show.graph(), which says what the arguments mean.
"""

import matplotlib.pyplot as plt
import numpy as np


def draw(y, names, height, page, colour):
    """A figure, at most `page` inches wide, of all that led to y."""
    nodes, stack = {}, [y]
    while stack:
        node = stack.pop()
        if node.serial not in nodes:
            nodes[node.serial] = node
            stack.extend(node.inputs)
    place = places(nodes)
    wide, tall = np.ptp(list(place.values()), axis=0) + 1
    figure, ax = plt.subplots(
        figsize=(min(page, 1.2 * wide), height or 0.45 + 0.75 * tall))
    ax.set_axis_off()
    ax.set(xlim=(-0.5, wide - 0.5), ylim=(-tall / 2, tall / 2))
    box = {s: ax.text(
        *place[s], caption(node, names), ha="center", va="center",
        fontsize=8, bbox={
            "boxstyle": "round,pad=0.35", "edgecolor": colour,
            "facecolor": "#dcecf7" if node.op else "#ffffff"},
        ).get_bbox_patch() for s, node in nodes.items()}
    for s, node in nodes.items():
        for t in [t.serial for t in node.inputs]:
            ax.annotate("", place[s], place[t], arrowprops={
                "arrowstyle": "-|>", "color": "#888888", "shrinkA": 1,
                "shrinkB": 1, "patchA": box[t], "patchB": box[s]})
    return figure


def places(nodes):
    """serial -> (column, row): an op stands right of all its inputs, a leaf
    just left of the first op that uses it; each column is centred."""
    column, first_use, rows = {}, {}, {}
    for s in sorted(nodes):
        inputs = [t.serial for t in nodes[s].inputs]
        column[s] = 1 + max([column[t] for t in inputs], default=-1)
        for t in inputs:
            first_use.setdefault(t, s)
    for s, user in first_use.items():
        if not nodes[s].inputs:
            column[s] = column[user] - 1
    for s in sorted(nodes):
        rows.setdefault(column[s], []).append(s)
    return {s: (c, (len(group) - 1) / 2 - k)
            for c, group in rows.items() for k, s in enumerate(group)}


def caption(node, names):
    number = f"{node.item():.4g}" if node.size == 1 else "x".join(
        map(str, node.shape))
    return names.get(node.serial) or getattr(node.op, "name", None) or (
        node.name or number)

"""One page of all chapters, for printing: what Sphinx lacks for it.

Sphinx looks for what a builder does with a node under the builder's name
and, only if nothing at all is there, under its format's. Some extensions
register for singlehtml, most for html only: here the two are joined.
"""


def join(app):
    handlers = app.registry.translation_handlers
    handlers["singlehtml"] = (handlers.get("html", {})
                              | handlers.get("singlehtml", {}))


def setup(app):
    app.connect("builder-inited", join)
    return {"parallel_read_safe": True}

"""The course as an offline site: ``python -m authoring.site``.

Pages are made in three steps, each of its own module: `content` reads what people wrote (``docs/site/*.toml``, the
lessons), `pages`, `lessons`, `records` and `reference` turn it into Markdown and notebooks, and `building` has Sphinx
make HTML of them. Nothing is executed: notebooks bring the outputs they were committed with.
"""

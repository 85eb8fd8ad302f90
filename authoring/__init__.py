"""How the notebooks come to be: the only place where lessons are written, and the tools that build and check them.

Lessons are ``authoring/lessons/NN_slug.py`` in jupytext's percent format. ``python -m authoring.build`` turns them
into executed notebooks, ``python -m authoring.lint`` says what is wrong with them. The package ``tl_course`` never
imports anything from here.
"""

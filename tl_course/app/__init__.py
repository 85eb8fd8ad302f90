"""The course as a program: the command line, the lessons as files, the start page, and a look at the installation.

Nothing else of the package imports this room. ``tl-course`` is :func:`tl_course.app.cli.main`.
"""

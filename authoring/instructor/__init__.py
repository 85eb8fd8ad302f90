"""The instructor's pack: ``python -m authoring.instructor`` makes ``build/instructor``.

It holds the lessons with the notes to the instructor in place, exercises with their solutions, slides to project or
print, and the pages of ``docs/instructor``: timetables, learners, the mail to them, a JupyterHub, what to do without a
network, questions for the room. All times and sizes in it are computed; nothing is executed.
"""

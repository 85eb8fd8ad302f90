"""The scripts that make the course's recorded results, one for each record, and the harness they share.

A script ``NN_name.py`` in this folder writes ``tl_course/records/NN_name.csv`` and nothing else does. It defines::

    CELLS = product(["mnist_m"], ["scratch", "fine_tune"], [10, 30, 100], range(5))   # target, method, setting, seed
    CHEAP = False        # True where the whole grid takes at most 20 s: then the tests derive it anew
    TOLERANCE = 0.01     # by how much a cheap value may differ on another machine, in units of the value

    def measure(cell: Cell) -> float: ...          # or (value, seconds) where only a part of the work is to be timed
"""

"""tl_course: the companion package of a hands-on course on transfer learning.

Modules are loaded when first used, so that ``import tl_course`` costs next to nothing:

>>> import tl_course as tl
>>> sorted(name for name in dir(tl) if not name.startswith("_"))[:3]
['adaptation', 'assets', ...]
"""

import os

import lazy_loader

__version__ = "0.1.0"

# The hub's client reads this when it is imported, and tells the hub what is installed here unless it is set.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "adaptation",
        "assets",
        "environment",
        "data",
        "metrics",
        "models",
        "losses",
        "records",
        "training",
        "figures",
        "exercises",
    ],
    submod_attrs={"environment": ["expect", "setup"], "exercises": ["check", "hint", "progress"]},
)

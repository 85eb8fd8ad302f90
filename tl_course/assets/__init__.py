"""Downloaded data and weights: one registry, one fetch, every file checked by its hash before it is used.

What can be fetched stands in ``registry.toml``: for each asset its files with size and sha256, its licence, and the
places it can come from, in the order they are tried. The same hash decides for every place.

>>> from tl_course import assets
>>> assets.registry()["minilm"].licence
'Apache-2.0'
"""

from tl_course.assets.bundle import check_target, held, pack
from tl_course.assets.fetching import describe, fetch, fetch_optional, get, lacking, paths, status
from tl_course.assets.registry import Asset, File, Source, for_profile, optional_for, registry
from tl_course.assets.store import AssetError

__all__ = [
    "Asset",
    "AssetError",
    "File",
    "Source",
    "check_target",
    "describe",
    "fetch",
    "fetch_optional",
    "for_profile",
    "get",
    "held",
    "lacking",
    "optional_for",
    "pack",
    "paths",
    "registry",
    "status",
]

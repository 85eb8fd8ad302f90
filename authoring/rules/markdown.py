"""Markdown with everything taken out that is not the author's own words."""

import re

_CODE_OR_MATHS = re.compile(
    r"""
    ^[ ]*(?P<fence>```+|~~~+).*?^[ ]*(?P=fence)[^\n]*$      # fenced code
    | \$\$.*?\$\$ | \\\[.*?\\\] | \\\(.*?\\\)               # display and inline maths
    | \\begin\{(?P<env>[^}]+)\}.*?\\end\{(?P=env)\}
    | (?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)            # inline code
    | (?<![\\\w$])\$(?![\s$])[^$\n]*?(?<![\s\\])\$(?!\w)    # inline maths; not a price
    | <!--.*?-->
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_LINK_TO_SOURCE = re.compile(r"(?<!!)\[[^\]]*\]\(https?://[^)\s]+[^)]*\)")
_TARGET_OR_TAG = re.compile(r"\]\([^)]*\)|https?://\S+|<[^>]*>")


def prose(markdown: str, *, keep_links: bool = False) -> str:
    """Return Markdown without code, maths and comments, and (unless ``keep_links``) without HTML tags and links.

    A link to another web page goes as a whole: what its text states is stated there, and the reader can look it up.
    Of a link within the course only the target goes.
    """
    text = _CODE_OR_MATHS.sub(" ", markdown)
    if keep_links:
        return text
    return _TARGET_OR_TAG.sub(" ", _LINK_TO_SOURCE.sub(" ", text))

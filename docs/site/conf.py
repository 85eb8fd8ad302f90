"""Settings of Sphinx for the course's site, whose pages ``python -m authoring.site`` makes before it calls Sphinx.

Nothing on the site asks the network: MathJax is a local copy, fonts are the reader's own, nothing is executed.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

project = "Transfer learning, hands on"
author = "The tl-course authors"
copyright = "The tl-course authors. Texts and figures: CC BY 4.0; code: MIT."
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
templates_path = ["_templates"]

# --- notebooks: as they were committed -----------------------------------------------------------------------------
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_block"]
myst_heading_anchors = 4
myst_update_mathjax = False

# --- formulas: MathJax 2 from the site's own folder, with MathML beside them for screen readers -----------------------
mathjax_path = "mathjax/MathJax.js"
mathjax2_config = {
    "config": ["TeX-AMS-MML_HTMLorMML-full.js"],
    "extensions": ["AssistiveMML.js"],
    "HTML-CSS": {
        "webFont": "STIX-Web",
        "availableFonts": [],
        "preferredFont": None,
        "imageFont": None,
        "linebreaks": {"automatic": True, "width": "container"},
        "styles": {"@font-face": {"font-family": "MathJax_Blank", "src": "local('sans-serif')"}},
    },
    # fonts that MathJax asks for and the package does not bring; they only serve MathML that nobody sees
    "NativeMML": {"styles": {f"@font-face /*{number}*/": {"src": "local('sans-serif')"} for number in range(1, 9)}},
    "tex2jax": {
        "inlineMath": [["\\(", "\\)"]],
        "displayMath": [["\\[", "\\]"]],
        "ignoreClass": "tex2jax_ignore|mathjax_ignore|document",
        "processClass": "tex2jax_process|mathjax_process|math",
    },
    "menuSettings": {"inTabOrder": False},
    "showMathMenu": False,
    "messageStyle": "none",
}

# --- the reference ---------------------------------------------------------------------------------------------------
default_role = "py:obj"
autodoc_default_options = {
    "member-order": "bysource",
    "no-value": True,
    "exclude-members": "set_fit_request, set_predict_request, set_score_request",  # scikit-learn's own
}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# --- how it looks -----------------------------------------------------------------------------------------------------
html_theme = "sphinx_book_theme"
html_title = project + (" (instructor)" if tags.has("instructor") else "")  # noqa: F821 - Sphinx puts `tags` here
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_show_search_summary = False  # a page opened from a folder may not fetch the pages it found
html_show_sphinx = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "navbar_persistent": [],
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

_TAG_OR_CHINESE = re.compile(r"(<[^>]*>)|([\u4e00-\u9fff]+(?:[-、][\u4e00-\u9fff]+)*)")


def name_languages(app, pagename, templatename, context, doctree):
    """Tell screen readers and fonts which words are Chinese: whole pages that say so, single words elsewhere."""
    meta = context.get("meta") or {}
    if "lang" in meta:
        context["language"] = meta["lang"]
    elif context.get("body"):
        context["body"] = _TAG_OR_CHINESE.sub(
            lambda found: found[1] or f'<span lang="zh-Hans">{found[2]}</span>', context["body"]
        )


def keep_bars(app, what, name, obj, options, lines):
    """Let |x| in a docstring be an absolute value: reStructuredText would look for a substitution of that name."""
    in_example = False
    for position, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if "|" in line and not in_example:
            parts = re.split(r"(``.*?``|`.*?`)", line)
            lines[position] = "".join(part if part.startswith("`") else part.replace("|", r"\|") for part in parts)


def setup(app):
    app.connect("autodoc-process-docstring", keep_bars)
    app.connect("html-page-context", name_languages)

// What the course adds to JupyterLab: tabs that say which is the exercise, a start page that is fresh when one comes
// back to it, sliders that say their name and value aloud, and pictures where a widget of an earlier day cannot move.
//
// JupyterLab loads this file because `tl-course start` names its folder. It has no build step and imports nothing.
(() => {
  "use strict";

  const START = "START.md";
  const WIDGET = ".jp-OutputArea-output.jupyter-widgets";
  const LOST = "Error displaying widget: model not found";
  const SETTLE = 50; // milliseconds: one look at the page after many changes

  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("learner.css", document.currentScript.src).href;
  document.head.append(style);

  // --- tabs --------------------------------------------------------------------------------------------------------

  // The style sheet writes the kind before the file's name. The label itself stays: JupyterLab takes another label for a
  // new name of the file, and renames it.
  function nameTab(widget) {
    const [, kind] = /(?:^|\/)(notebooks|exercises)\/\d\d_[^/]*\.ipynb$/.exec(widget.context?.path ?? "") ?? [];
    const before = widget.title.dataset;
    if (before["tl-kind"] !== kind) {
      const { "tl-kind": _, ...others } = before;
      widget.title.dataset = kind ? { ...others, "tl-kind": kind } : others;
    }
  }

  function nameTabs(app) {
    for (const widget of app.shell.widgets("main")) {
      nameTab(widget);
    }
  }

  // --- the start page ----------------------------------------------------------------------------------------------

  function freshen(widget) {
    const context = widget?.context;
    if (context?.path.split("/").pop() === START && context.isReady && !context.model.dirty) {
      context.revert(); // reads the file again, which the server side keeps up to date
    }
  }

  // --- widgets -----------------------------------------------------------------------------------------------------

  function readSliders() {
    for (const slider of document.querySelectorAll(".widget-slider")) {
      const name = slider.querySelector(".widget-label")?.textContent.trim();
      const value = slider.querySelector(".widget-readout")?.textContent.trim();
      const handles = slider.querySelectorAll(".noUi-handle");
      for (const handle of handles) {
        set(handle, "aria-label", name);
        if (handles.length === 1) {
          set(handle, "aria-valuetext", value);
        }
      }
    }
  }

  function set(node, attribute, text) {
    if (text && node.getAttribute(attribute) !== text) {
      node.setAttribute(attribute, text);
    }
  }

  // A saved notebook holds each widget's picture as HTML, or its text, beside the widget that is gone.
  async function showStills(app) {
    for (const node of document.querySelectorAll(WIDGET)) {
      if (node.textContent.trim() !== LOST || node.dataset.tlStill) {
        continue;
      }
      node.dataset.tlStill = "yes";
      const [area, model] = outputOf(app, node) ?? [];
      const type = ["text/html", "text/plain"].find((one) => model?.data[one]);
      if (type) {
        const still = area.rendermime.createRenderer(type);
        await still.renderModel(model);
        const said = document.createElement("p");
        said.textContent = "A picture from the last time this cell ran. Run the cell again for one that moves.";
        node.replaceChildren(still.node, said);
      }
    }
  }

  function outputOf(app, node) {
    const cellNode = node.closest(".jp-Cell");
    for (const panel of app.shell.widgets("main")) {
      for (const cell of panel.content?.widgets ?? []) {
        if (cell.node !== cellNode) {
          continue;
        }
        const area = cell.outputArea;
        const place = area.widgets.findIndex((one) => one.node.contains(node));
        return place < 0 ? undefined : [area, area.model.get(place)];
      }
    }
    return undefined;
  }

  // --- all of it ---------------------------------------------------------------------------------------------------

  function activate(app) {
    let waiting = false;
    const look = () => {
      if (!waiting) {
        waiting = true;
        setTimeout(() => {
          waiting = false;
          readSliders();
          showStills(app);
        }, SETTLE);
      }
    };
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
      attributeFilter: ["aria-valuetext"],
    });
    app.shell.layoutModified.connect(() => nameTabs(app));
    app.shell.currentChanged?.connect((_, change) => freshen(change.newValue));
    app.restored.then(() => nameTabs(app));
  }

  const extension = { __esModule: true, default: { id: "tl-course:learner", autoStart: true, activate } };
  (window._JUPYTERLAB ??= {})["tl-course"] = {
    init: () => undefined,
    get: async () => () => extension,
  };
})();

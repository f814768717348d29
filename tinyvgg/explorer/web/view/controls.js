// What is suppressed, with which brush, and how backtracking goes about it.

import { PIXEL_SETS } from "../choice.js";
import { strongestClass } from "../method.js";
import { countOf } from "../session.js";
import { Radios, Slider, Switch, isCoarse, make, makeButton, newId } from "./dom.js";
import { SET_COLOUR } from "./theme.js";

const SET_NAMES = {
  none: "nothing",
  backtracked: "backtracked",
  common: "common",
  unique: "unique",
  hand: "by hand",
};
const BRUSHES = [1, 2, 3, 5];
const FLOOR = { most: 0.5, step: 0.005 };

/** Which set of pixels, or as many at random instead. */
export class SetControls {
  constructor(controller) {
    this.controller = controller;
    const options = PIXEL_SETS.map((value) => ({
      value,
      text: SET_NAMES[value],
      colour: value === "none" ? null : SET_COLOUR[value],
    }));
    this.sets = new Radios("Suppress", options, (pixel_set) => controller.choose({ pixel_set }));
    this.random = new Switch("as many at random instead", (random) => controller.choose({ random }));
    this.again = makeButton("Draw again", () => controller.choose({ draw: controller.state.choice.draw + 1 }), {
      drawing: "again",
    });
    this.note = make("p", { class: "tve-hint" });
    this.node = make(
      "div",
      { class: "tve-tool" },
      this.sets.node,
      make("div", { class: "tve-row" }, this.random.node, this.again),
      this.note,
    );
  }

  show(state) {
    const { choice } = state;
    const counts = Object.fromEntries(
      Object.entries(state.sets).map(([name, set]) => [name, countOf(set)]),
    );
    if (choice.pixel_set === "hand") counts.hand = countOf(state.chosen);
    const off = PIXEL_SETS.filter((name) => !this.controller.session.available().includes(name));
    this.sets.show(choice.pixel_set, { off, counts });
    this.random.show(choice.random, choice.pixel_set === "none");
    this.again.disabled = choice.pixel_set === "none";
    this.note.textContent = explain(state);
    this.note.hidden = !this.note.textContent;
  }
}

/** What a reader must know to see why a control is off or a set is empty. */
function explain({ case: found, choice, sets }) {
  const words = [];
  if (found.why_no_twin)
    words.push(`${found.why_no_twin} So “common” and “unique” are switched off.`);
  if (choice.printed) words.push("Without a cut, backtracking selects nearly every active pixel.");
  else if (!countOf(sets.backtracked))
    words.push("No contribution passes this cut: lower the floor or the percentile.");
  return words.join(" ");
}

/** What the brush does, and how wide it is. */
export class BrushControls {
  constructor(painter, changed) {
    this.painter = painter;
    const touch = isCoarse();
    if (touch) painter.tool = "look"; // a finger scrolls the page first
    const tools = [
      { value: "look", text: "look" },
      { value: "suppress", text: "suppress" },
      { value: "restore", text: "restore" },
    ];
    const apply = (changes) => {
      Object.assign(painter, changes);
      this.show();
      changed();
    };
    this.tools = new Radios("Brush", tools, (tool) => apply({ tool }));
    const sizes = BRUSHES.map((size) => ({
      value: size,
      text: String(size),
      title: `${size} × ${size} pixels`,
    }));
    this.sizes = new Radios("Size", sizes, (size) => apply({ size }));
    this.sizes.node.classList.add("tve-size");
    this.all = new Switch("in all maps", (everywhere) => apply({ everywhere }));
    this.note = make("p", {
      class: "tve-hint",
      text: "A finger scrolls the page: to brush with it, choose suppress or restore.",
      hidden: !touch,
    });
    this.node = make(
      "div",
      { class: "tve-tool" },
      this.tools.node,
      this.sizes.node,
      this.all.node,
      this.note,
    );
    this.show();
  }

  show() {
    const { tool, size, everywhere } = this.painter;
    this.tools.show(tool);
    this.sizes.show(size);
    this.all.show(everywhere);
  }
}

/** The class that is backtracked, and the cut. */
export class MethodControls {
  constructor(controller) {
    this.controller = controller;
    const id = newId("target");
    this.target = make("select", {
      id,
      onchange: () => controller.choose({ target: this.target.value }),
    });
    const cuts = [
      { value: false, text: "released, with a cut" },
      { value: true, text: "printed" },
    ];
    this.printed = new Radios("Algorithm", cuts, (printed) => controller.choose({ printed }));
    const slider = (name, text, range) =>
      new Slider(
        text,
        range,
        (value) => controller.preview({ [name]: value }),
        () => controller.commit(),
      );
    this.floor = slider("floor", "Floor", {
      min: 0,
      max: FLOOR.most,
      step: FLOOR.step,
      written: (value) => value.toFixed(3),
    });
    this.percentile = slider("percentile", "Percentile", {
      min: 0,
      max: 100,
      step: 0.5,
      written: (value) => value.toFixed(1),
    });
    this.node = make(
      "details",
      { class: "tve-method", "aria-label": "Backtracking: class and cut" },
      make("summary", { text: "Backtracking: class and cut" }),
      make(
        "div",
        { class: "tve-methods" },
        make(
          "div",
          { class: "tve-field" },
          make("label", { class: "tve-legend", for: id, text: "Class traced back" }),
          this.target,
        ),
        this.printed.node,
        this.floor.node,
        this.percentile.node,
      ),
    );
  }

  show(state) {
    const { choice } = state;
    this._showTargets(state);
    this.target.value = choice.target;
    this.printed.show(choice.printed);
    this.floor.show(choice.floor, { max: Math.max(FLOOR.most, choice.floor), off: choice.printed });
    this.percentile.show(choice.percentile, { off: choice.printed });
  }

  _showTargets(state) {
    const { names, classes } = this.controller.session.pack;
    const options = [["predicted", `predicted: ${names[strongestClass(state.before)]}`]];
    if (state.case.true !== null) options.push(["true", `true: ${names[state.case.true]}`]);
    classes.forEach((name, k) => options.push([name, names[k]]));
    const text = JSON.stringify(options);
    if (text === this._targets) return;
    this._targets = text;
    this.target.replaceChildren(
      ...options.map(([value, words]) => make("option", { value, text: words })),
    );
  }
}

/** The tasks, undo and redo, reset, and a link to what is seen. */
export class TopControls {
  constructor(controller, copyLink) {
    this.controller = controller;
    const tasks = controller.tasks.map((task) => ({ value: task, text: task }));
    this.tasks = new Radios("Task", tasks, (task) => controller.choose({ task }));
    this.tasks.node.hidden = tasks.length < 2;
    this.undo = makeButton("Undo", () => controller.undo(), { drawing: "undo", title: "Undo (Ctrl Z)" });
    this.redo = makeButton("Redo", () => controller.redo(), {
      drawing: "redo",
      title: "Redo (Ctrl Shift Z)",
    });
    this.reset = makeButton("Reset", () => controller.reset(), {
      drawing: "reset",
      title: "Everything but the picture as in the beginning",
    });
    this.link = makeButton("Copy link", copyLink, {
      drawing: "link",
      title: "A link that restores exactly this",
    });
    this.link.hidden = !controller.model.get("page");
    const actions = make(
      "div",
      { class: "tve-actions", role: "group", "aria-label": "History" },
      this.undo,
      this.redo,
      this.reset,
      this.link,
    );
    this.address = make("input", {
      class: "tve-address",
      readonly: true,
      "aria-label": "Link to copy",
      hidden: true,
    });
    this.node = make("div", { class: "tve-top" }, this.tasks.node, actions, this.address);
  }

  /** Show a link, to be copied by hand. */
  offer(address) {
    this.address.hidden = false;
    this.address.value = address;
    this.address.select();
  }

  show(state) {
    this.address.hidden = true;
    this.tasks.show(state.choice.task);
    this.undo.disabled = !this.controller.history.canUndo;
    this.redo.disabled = !this.controller.history.canRedo;
  }
}

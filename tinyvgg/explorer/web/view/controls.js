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
const FINGER = "Touch scrolls the page. To brush by touch, choose suppress or restore.";
const FLOOR = 0.5; // the largest that the slider offers

/** Which set of pixels, or as many at random instead. */
export class SetControls {
  constructor(controller) {
    this.controller = controller;
    const options = PIXEL_SETS.map((name) => {
      const colour = name === "none" ? null : SET_COLOUR[name];
      return [name, SET_NAMES[name], { colour }];
    });
    this.sets = new Radios("Suppress", options, (pixel_set) => controller.choose({ pixel_set }));
    this.random = new Switch("as many random pixels instead", (random) => controller.choose({ random }));
    const again = () => controller.choose({ draw: controller.state.choice.draw + 1 });
    this.again = makeButton("Draw again", again, { drawing: "again" });
    this.note = make("p.tve-hint");
    const chance = make("div.tve-row", this.random.node, this.again);
    this.node = make("div.tve-tool", this.sets.node, chance, this.note);
  }

  show(state) {
    const { choice } = state;
    const counts = {};
    for (const [name, set] of Object.entries(state.sets)) counts[name] = countOf(set);
    if (choice.pixel_set === "hand") counts.hand = countOf(state.chosen);
    const off = PIXEL_SETS.filter((name) => !this.controller.session.available().includes(name));
    this.sets.show(choice.pixel_set, { off, counts });
    this.random.show(choice.random, choice.pixel_set === "none");
    this.again.disabled = choice.pixel_set === "none";
    this.note.textContent = explain(state);
  }
}

/** What a reader must know to see why a control is off or a set is empty. */
function explain({ case: found, choice, sets }) {
  const words = [];
  if (found.why_no_twin)
    words.push(`${found.why_no_twin} “common” and “unique” are therefore not available.`);
  if (choice.printed) words.push("Without a cut, backtracking selects nearly every active pixel.");
  else if (!countOf(sets.backtracked))
    words.push("No contribution exceeds this cut. Lower the floor or the percentile.");
  return words.join(" ");
}

/** What the brush does, and how wide it is. */
export class BrushControls {
  constructor(painter, changed) {
    this.painter = painter;
    const touch = isCoarse();
    if (touch) painter.tool = "look"; // a finger scrolls the page first
    const apply = (changes) => {
      Object.assign(painter, changes);
      this.show();
      changed();
    };
    const tools = ["look", "suppress", "restore"].map((tool) => [tool, tool]);
    this.tools = new Radios("Brush", tools, (tool) => apply({ tool }));
    const sizes = BRUSHES.map((size) => [size, size, { title: `${size} × ${size} pixels` }]);
    this.sizes = new Radios("Size", sizes, (size) => apply({ size }));
    this.sizes.node.classList.add("tve-size");
    this.all = new Switch("in all maps", (everywhere) => apply({ everywhere }));
    this.node = make("div.tve-tool", this.tools.node, this.sizes.node, this.all.node);
    if (touch) this.node.append(make("p.tve-hint", FINGER));
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
    const choose = () => controller.choose({ target: this.target.value });
    this.target = make("select", { id, onchange: choose });
    const cuts = [[false, "as released, with a cut"], [true, "as printed"]];
    this.printed = new Radios("Algorithm", cuts, (printed) => controller.choose({ printed }));
    const slider = (name, text, max, step, digits) => {
      const range = { min: 0, max, step, written: (value) => value.toFixed(digits) };
      const preview = (value) => controller.preview({ [name]: value });
      return new Slider(text, range, preview, () => controller.commit());
    };
    this.floor = slider("floor", "Floor", FLOOR, 0.005, 3);
    this.percentile = slider("percentile", "Percentile", 100, 0.5, 1);
    const name = "Backtracking: class and cut";
    this.node = make(
      "details.tve-method",
      { "aria-label": name },
      make("summary", name),
      make(
        "div.tve-methods",
        make("div", make("label.tve-legend", { for: id }, "Class backtracked"), this.target),
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
    this.floor.show(choice.floor, { max: Math.max(FLOOR, choice.floor), off: choice.printed });
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
    const option = ([value, words]) => make("option", { value }, words);
    this.target.replaceChildren(...options.map(option));
  }
}

/** The tasks, undo and redo, reset, and a link to what is seen. */
export class TopControls {
  constructor(controller, copyLink) {
    this.controller = controller;
    const tasks = controller.tasks.map((task) => [task, task]);
    this.tasks = new Radios("Task", tasks, (task) => controller.choose({ task }));
    this.tasks.node.hidden = tasks.length < 2;
    const button = (text, drawing, title, press) => makeButton(text, press, { drawing, title });
    this.undo = button("Undo", "undo", "Undo (Ctrl Z)", () => controller.undo());
    this.redo = button("Redo", "redo", "Redo (Ctrl Shift Z)", () => controller.redo());
    const all = "Restore the defaults for this image";
    const reset = button("Reset", "reset", all, () => controller.reset());
    this.link = button("Copy link", "link", "Copy a link to this state", copyLink);
    this.link.hidden = !controller.model.get("page");
    const group = { role: "group", "aria-label": "History" };
    const actions = make("div.tve-actions", group, this.undo, this.redo, reset, this.link);
    const address = { readonly: true, "aria-label": "Link to copy", hidden: true };
    this.address = make("input.tve-address", address);
    this.node = make("div.tve-top", this.tasks.node, actions, this.address);
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

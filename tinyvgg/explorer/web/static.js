// The explorer in a page without Jupyter: a model without a kernel, and the packs from files beside
// this one, or from the page. Files are loaded as scripts, which works from file:// as well.
(() => {
  const MOUNT = ".tinyvgg-explorer-page";
  const MARK = "#explore:"; // before the text of a choice
  const home = document.currentScript.src;

  const loaded = {}; // promises by file
  const arrived = window.tinyvggExplorerFiles ?? {}; // what a file brought, or the page itself has

  /** A file beside this one calls this with its content. */
  window.tinyvggExplorer = (name, content) => (arrived[name] = content);

  /** The content of a file beside this one. */
  function load(name) {
    if (name in arrived) return Promise.resolve(arrived[name]);
    loaded[name] ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(`${encodeURIComponent(name)}.js`, home).href;
      script.onload = () => resolve(arrived[name]);
      script.onerror = () => {
        delete loaded[name];
        script.remove();
        reject(new Error(`The file ${name}.js is missing beside ${home}.`));
      };
      document.head.append(script);
    });
    return loaded[name];
  }

  /** What anywidget gives a view: values with listeners, and a partner that answers. */
  class Model {
    #values;
    #listeners = {};

    constructor(values) {
      this.#values = values;
    }

    get(name) {
      return this.#values[name];
    }

    set(name, value) {
      if (JSON.stringify(value) === JSON.stringify(this.#values[name])) return;
      this.#values[name] = value;
      this.#tell(`change:${name}`);
    }

    /** Set values, and tell also of unchanged ones: a view may show a picture that no model has. */
    restore(values) {
      Object.assign(this.#values, values);
      for (const name of Object.keys(values)) this.#tell(`change:${name}`);
    }

    save_changes() {}

    on(event, listener) {
      (this.#listeners[event] ??= new Set()).add(listener);
    }

    off(event, listener) {
      this.#listeners[event]?.delete(listener);
    }

    async send({ need: task }) {
      const { tasks } = this.#values;
      try {
        if (!tasks.includes(task))
          throw new Error(`unknown task '${task}': choose one of ${tasks.join(", ")}`);
        const pack = await fetch(`data:application/octet-stream;base64,${await load(task)}`);
        this.#tell("msg:custom", { pack: task }, [new DataView(await pack.arrayBuffer())]);
      } catch (error) {
        this.refuse(error.message, task);
      }
    }

    refuse(sentence, task) {
      this.#tell("msg:custom", { refused: sentence, need: task }, []);
    }

    #tell(event, ...what) {
      for (const listener of this.#listeners[event] ?? []) listener(...what);
    }
  }

  /** The module that Jupyter runs too. */
  async function program() {
    const text = await load("module");
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    try {
      return (await import(address)).default;
    } finally {
      URL.revokeObjectURL(address);
    }
  }

  /** Put the explorer in the place of its first paint. */
  async function begin(mount) {
    const first = JSON.parse(mount.dataset.explorer);
    const model = new Model({ ...first, page: location.href.split("#")[0] });
    const linked = () => location.hash.startsWith(MARK);
    const [{ render, decode }] = await Promise.all([program(), linked() ? null : load(first.task)]);

    /** Go to the state in the address of the page. */
    function follow() {
      if (!linked()) return;
      try {
        model.restore(decode(location.hash.slice(MARK.length)));
      } catch (error) {
        model.refuse(error.message);
      }
      mount.scrollIntoView();
    }

    if (linked()) mount.style.minHeight = "100vh"; // so that it can be scrolled to before it is there
    follow();
    await render({ model, el: mount }); // it takes the first paint away when it has something to show
    addEventListener("hashchange", follow);
    addEventListener("click", ({ target }) => {
      const link = target.closest(`a[href^="${MARK}"]`);
      if (link?.hash === location.hash) follow(); // the same link again, which changes no address
    });
  }

  for (const mount of document.querySelectorAll(MOUNT)) {
    begin(mount).catch((error) => {
      const note = document.createElement("p");
      note.textContent = `The explorer could not be started: ${error.message}`;
      mount.append(note);
    });
  }
})();

// Loaded between require.js and the Jupyter widgets' bundle. The bundle would look for its
// modules on a content network, and for MathJax 2; both are here, in this folder.
(() => {
  const vendor = new URL('vendor', document.currentScript.src).href;
  requirejs.config({ paths: { '@jupyter-widgets/html-manager/dist': vendor } });

  document.addEventListener('DOMContentLoaded', () => {
    if (!window.MathJax || MathJax.Hub) return;
    const typeset = (command) => {
      const element = Array.isArray(command) ? command[2] : null;
      if (element && MathJax.typesetPromise) MathJax.typesetPromise([element]);
    };
    MathJax.Hub = { Queue: typeset };
  });
})();

// What a widget does for the notebook around it.

/**
 * Press a key once more, for the page as a whole. JupyterLab and Notebook 7 leave keys alone inside an element that bears
 * `data-lm-suppress-shortcuts`, and bind what belongs to the document to its body. Where nobody listens, nothing happens.
 */
export function pressForPage({ key, code, keyCode, ctrlKey, metaKey, shiftKey }: KeyboardEvent): void {
  document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key, code, keyCode, ctrlKey, metaKey, shiftKey, bubbles: true, cancelable: true }),
  );
}

/** Ctrl S in `root` saves the notebook, and never opens the browser's own dialogue. */
export function saveFromWithin(root: HTMLElement): void {
  root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "s") return;
    event.preventDefault();
    pressForPage(event);
  });
}

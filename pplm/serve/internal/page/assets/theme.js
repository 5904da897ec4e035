// Light and dark: as the system has it, until somebody chooses.

const name = 'tiller-theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;

/** @returns {'light'|'dark'} */
function shown() {
  return root.dataset.theme === 'light' || root.dataset.theme === 'dark' ? root.dataset.theme : system.matches ? 'dark' : 'light';
}

// Before anything is drawn: index.html lets rendering wait for this module.
const kept = localStorage.getItem(name);
if (kept === 'light' || kept === 'dark') root.dataset.theme = kept;

/**
 * @param {HTMLElement} button
 * @param {() => void} changed
 */
export function setUpTheme(button, changed) {
  const update = () => {
    button.textContent = shown() === 'dark' ? 'Light' : 'Dark';
    button.setAttribute('aria-label', shown() === 'dark' ? 'Light colours' : 'Dark colours');
    changed();
  };
  button.addEventListener('click', () => {
    root.dataset.theme = shown() === 'dark' ? 'light' : 'dark';
    localStorage.setItem(name, root.dataset.theme);
    update();
  });
  system.addEventListener('change', update);
  update();
}

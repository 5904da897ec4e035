// Elements of the page. Text goes in as text, never as markup.

/** The element with an id, which index.html has. @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * A new element. Properties that an element has are set on it, others are attributes.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node|string)} children
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

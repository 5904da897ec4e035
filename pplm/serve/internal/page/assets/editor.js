// The text that people write.

import { byId } from './dom.js';
import { action } from './keys.js';
import { chosen, close, howMany, isOpen, move, setUpSuggestions } from './suggestions.js';

const area = /** @type {HTMLTextAreaElement} */ (byId('prompt'));
let leaving = false;

/**
 * @param {{suggest: () => void, compare: () => void}} act
 */
export function setUpEditor(act) {
  area.addEventListener('keydown', (event) => {
    const found = action(event, { open: isOpen(), empty: area.value === '', leaving, count: howMany() });
    if (!found) return;
    if (found.do === 'leave') {
      leaving = true;
      return;
    }
    event.preventDefault();
    if (found.do === 'close') {
      leaving = true;
      close();
    } else if (found.do === 'take') take();
    else if (found.do === 'choose') take(found.index);
    else if (found.do === 'next') move(1);
    else if (found.do === 'previous') move(-1);
    else act[found.do]();
  });
  area.addEventListener('input', () => {
    leaving = false;
    close();
  });
  area.addEventListener('focus', () => { leaving = false; });
  area.addEventListener('blur', () => {
    if (document.activeElement !== area) close(); // and not another window has come before this one
  });
  setUpSuggestions(take);
  setText(area.value);
}

/** Takes a suggestion into the text. @param {number} [index] */
function take(index) {
  const text = chosen(index);
  if (text === '') return; // it has not begun
  close();
  insert(text);
}

/** Puts text at the caret, so that it can be undone. @param {string} text */
export function insert(text) {
  area.focus();
  area.setSelectionRange(area.selectionEnd, area.selectionEnd);
  // The only way that browsers keep in their history of changes.
  if (!document.execCommand('insertText', false, text)) area.setRangeText(text, area.selectionEnd, area.selectionEnd, 'end');
  area.scrollTop = area.selectionEnd === area.value.length ? area.scrollHeight : area.scrollTop;
}

/** Puts text at the end. @param {string} text */
export function append(text) {
  area.setSelectionRange(area.value.length, area.value.length);
  insert(text);
}

/** The whole text. */
export function text() {
  return area.value;
}

/** The text before the caret. */
export function textToCaret() {
  return area.value.slice(0, area.selectionEnd);
}

/** Sets the text, with the caret at its end. @param {string} value */
export function setText(value) {
  area.value = value;
  area.setSelectionRange(value.length, value.length);
}

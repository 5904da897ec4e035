// What keys mean in the editor.

/**
 * @typedef {object} Situation
 * @property {boolean} open whether suggestions are shown
 * @property {boolean} empty whether the editor is
 * @property {boolean} leaving whether Escape has been pressed, so that Tab moves on
 * @property {number} count of suggestions
 *
 * @typedef {{do: 'suggest'|'take'|'next'|'previous'|'close'|'leave'|'compare'} | {do: 'choose', index: number}} Action
 */

/**
 * The action of a key, or null where the key is the editor's own. Tab never traps:
 * it moves on from an empty editor and after Escape, and Shift+Tab always moves.
 * @param {Pick<KeyboardEvent, 'key'|'shiftKey'|'ctrlKey'|'metaKey'|'altKey'|'isComposing'>} event
 * @param {Situation} now
 * @returns {Action|null}
 */
export function action(event, now) {
  const { key } = event;
  if (event.isComposing) return null;
  if (key === 'Enter' && (event.ctrlKey || event.metaKey)) return { do: 'compare' };
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (key === 'Escape') return { do: now.open ? 'close' : 'leave' };
  if (key === 'Tab') {
    if (event.shiftKey || now.empty || now.leaving) return null;
    return { do: now.open ? 'take' : 'suggest' };
  }
  return now.open && !event.shiftKey ? within(key, now.count) : null;
}

/**
 * @param {string} key
 * @param {number} count
 * @returns {Action|null}
 */
function within(key, count) {
  if (key === 'ArrowDown') return { do: 'next' };
  if (key === 'ArrowUp') return { do: 'previous' };
  if (key === 'Enter') return { do: 'take' };
  const index = '123456789'.indexOf(key);
  return key.length === 1 && index >= 0 && index < count ? { do: 'choose', index } : null;
}

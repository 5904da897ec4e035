// Where the caret of a textarea stands, which browsers do not tell.

const copied = ['fontFamily', 'fontSize', 'fontWeight', 'fontStyle', 'lineHeight', 'letterSpacing', 'wordSpacing', 'tabSize',
  'paddingTop', 'paddingRight', 'paddingBottom', 'paddingLeft', 'borderTopWidth', 'borderRightWidth', 'borderBottomWidth',
  'borderLeftWidth', 'borderStyle', 'boxSizing', 'textIndent', 'direction'];

/**
 * The place below the caret, from the textarea's upper left corner: an unseen copy
 * of its text, laid out alike, has an element there.
 * @param {HTMLTextAreaElement} area
 */
export function caretPlace(area) {
  const copy = document.createElement('div');
  const style = getComputedStyle(area);
  for (const name of copied) copy.style[name] = style[name];
  Object.assign(copy.style, { position: 'absolute', visibility: 'hidden', whiteSpace: 'pre-wrap', overflowWrap: 'break-word', width: `${area.offsetWidth}px` });
  const mark = document.createElement('span');
  mark.textContent = '\u200b';
  copy.append(area.value.slice(0, area.selectionEnd), mark);
  document.body.append(copy);
  const place = { left: mark.offsetLeft, top: mark.offsetTop + mark.offsetHeight - area.scrollTop };
  copy.remove();
  return place;
}

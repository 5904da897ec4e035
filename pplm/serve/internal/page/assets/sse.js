// Server-sent events out of bytes, as the HTML standard defines them.

/** Parses a stream piece by piece. A piece may end anywhere, within a character too. */
export class EventParser {
  #decoder = new TextDecoder();
  #line = '';
  #data = /** @type {string[]} */ ([]);
  #afterReturn = false;

  /**
   * @param {Uint8Array} bytes
   * @returns {string[]} the data of each event that these bytes complete
   */
  push(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === '') return [];
    if (this.#afterReturn && text.startsWith('\n')) {
      text = text.slice(1);
      this.#afterReturn = false;
    }
    if (text !== '') this.#afterReturn = text.endsWith('\r');
    const lines = (this.#line + text).split(/\r\n|\n|\r/);
    this.#line = lines.pop() ?? '';
    return lines.map((line) => this.#read(line)).filter((data) => data !== null);
  }

  /** @param {string} line */
  #read(line) {
    if (line === '') {
      const data = this.#data;
      this.#data = [];
      return data.length > 0 ? data.join('\n') : null;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    return null;
  }
}

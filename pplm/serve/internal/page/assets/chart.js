// How much of an attribute the texts have, and how far the steered one is from the
// unsteered model, token by token.

import { byId, make } from './dom.js';
import { percent } from './format.js';
import uPlot from './vendor/uplot/uplot.js';

/** @typedef {import('./stream.js').Token} Token */

const choice = /** @type {HTMLSelectElement} */ (byId('chart-attribute'));
const homes = { attribute: byId('chart-p'), kl: byId('chart-kl') };
const height = 132;

/** @type {{plain: Token[], steered: Token[], names: string[]}} */
let data = { plain: [], steered: [], names: [] };
/** @type {uPlot[]} */
let charts = [];
let waiting = 0;

/** Makes the charts, and again when colours or widths change. */
export function setUpCharts() {
  choice.addEventListener('change', draw);
  let width = 0;
  new ResizeObserver(() => {
    if (homes.attribute.clientWidth !== width) rebuild();
    width = homes.attribute.clientWidth;
  }).observe(homes.attribute);
}

/**
 * Draws other texts.
 * @param {Token[]} plain
 * @param {Token[]} steered
 * @param {string[]} names of the attributes
 */
export function chartTexts(plain, steered, names) {
  data = { plain, steered, names };
  choice.replaceChildren(...names.map((name, i) => make('option', { value: String(i) }, name)));
  byId('chart-choice').hidden = names.length < 2;
  rebuild();
}

/** Draws what has been added, with the next frame. */
export function drawSoon() {
  waiting ||= requestAnimationFrame(draw);
}

/** The charts in the colours that the page has now. */
export function rebuild() {
  for (const c of charts) c.destroy();
  charts = [];
  const name = data.names[Number(choice.value) || 0];
  if (name === undefined || homes.attribute.clientWidth === 0) return;
  const lines = { steered: colour('.swatch.steered'), plain: colour('.swatch.plain'), text: colour('#chart-key'), grid: colour('#chart-grid') };
  charts = [
    chart(homes.attribute, lines, [{ stroke: lines.plain, dash: [4, 3], width: 1.5, points: { show: false } }, series(lines.steered)], percent),
    chart(homes.kl, lines, [series(lines.steered)], (v) => String(Number(v.toPrecision(2)))),
  ];
  draw();
}

/** @param {string} stroke */
function series(stroke) {
  return { stroke, width: 2, points: { show: false } };
}

/** The colour of an element's text, as canvases want it. @param {string} selector */
function colour(selector) {
  return getComputedStyle(/** @type {Element} */ (document.querySelector(selector))).color;
}

function chart(home, lines, drawn, format) {
  const axis = { stroke: lines.text, grid: { stroke: lines.grid, width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
  return new uPlot({
    width: home.clientWidth, height, legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: (_, least, most) => [least, Math.max(most, 10)] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [{ ...axis, size: 24, space: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
      { ...axis, size: 58, space: 32, values: (_, ticks) => ticks.map((t) => (t === 0 ? '0' : format(t))) }],
    series: [{}, ...drawn],
  }, [[], ...drawn.map(() => [])], home);
}

function draw() {
  waiting = 0;
  if (charts.length === 0) return;
  const { plain, steered, names } = data;
  const i = Number(choice.value) || 0;
  const x = Array.from({ length: Math.max(plain.length, steered.length) }, (_, k) => k + 1);
  const of = (tokens) => x.map((_, k) => tokens[k]?.attributes[i] ?? null);
  charts[0].setData([x, of(plain), of(steered)]);
  charts[1].setData([steered.map((_, k) => k + 1), steered.map((t) => t.kl)]);
  const last = steered.at(-1);
  homes.attribute.setAttribute('aria-label', `Chart: probability of ${names[i]} at each token${last ? `, at the end ${percent(last.attributes[i] ?? 0)} steered` : ''}. The table below has its numbers.`);
  homes.kl.setAttribute('aria-label', 'Chart: divergence of the steered from the unsteered model at each token. The table below has its numbers.');
}

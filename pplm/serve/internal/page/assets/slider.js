// A slider for how strongly an attribute steers, away from it below zero.

import { make } from './dom.js';
import { spokenStrength, strength } from './format.js';

/**
 * @param {{id: string, describedBy?: string, changed: () => void}} how
 * @returns {{input: HTMLInputElement, value: HTMLElement, set: (weight: number) => void, get: () => number}}
 */
export function makeSlider({ id, describedBy, changed }) {
  const input = make('input', { type: 'range', id, min: '-2', max: '2', step: '0.1', className: 'slider' });
  if (describedBy) input.setAttribute('aria-describedby', describedBy);
  const value = make('span', { className: 'strength', 'aria-hidden': 'true' });
  const show = () => {
    const weight = Number(input.value);
    input.setAttribute('aria-valuetext', spokenStrength(weight));
    value.textContent = strength(weight);
    value.dataset.sign = String(Math.sign(weight));
    const at = (w) => `${((w + 2) / 4) * 100}%`;
    input.style.setProperty('--from', at(Math.min(0, weight)));
    input.style.setProperty('--to', at(Math.max(0, weight)));
  };
  input.addEventListener('input', () => {
    show();
    changed();
  });
  const set = (weight) => {
    input.value = String(weight);
    show();
  };
  set(0);
  return { input, value, set, get: () => Number(input.value) };
}

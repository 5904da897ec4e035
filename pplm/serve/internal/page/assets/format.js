// Numbers for people.

/** A probability in per cent, with two digits or more. @param {number} p */
export function percent(p) {
  const value = 100 * p;
  if (value === 0) return '0 %';
  if (value < 0.001) {
    const [digits, power] = value.toExponential(1).split('e-');
    return `${digits} × 10⁻${superscript(power)} %`;
  }
  if (value >= 99.95) return '100 %';
  return `${Number(value.toPrecision(value < 10 ? 2 : 3))} %`;
}

/** @param {string} digits */
function superscript(digits) {
  return [...digits].map((d) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(d)]).join('');
}

/** A divergence. @param {number} kl in nats */
export function nats(kl) {
  return `${kl.toFixed(kl < 0.1 ? 3 : 2)} nats`;
}

/** A strength with its sign, as sliders show it. @param {number} weight */
export function strength(weight) {
  if (weight === 0) return 'off';
  return `${weight > 0 ? '+' : '\u2212'}${Math.abs(weight).toFixed(1)}`;
}

/** A strength in words, as sliders say it. @param {number} weight */
export function spokenStrength(weight) {
  if (weight === 0) return 'off';
  return `${Math.abs(weight).toFixed(1)} ${weight > 0 ? 'towards' : 'away'}`;
}

/**
 * @param {number} n
 * @param {string} one
 * @param {string} [many]
 */
export function count(n, one, many = `${one}s`) {
  return `${n} ${n === 1 ? one : many}`;
}

/** @param {number[]} values */
export function mean(values) {
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
}

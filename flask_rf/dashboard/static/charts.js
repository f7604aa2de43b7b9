/** Curves in inline SVG, drawn anew from their values. */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 240;
const HEIGHT = 100;

/** A round number that the highest value stays below. */
export const ceiling = (value) => {
  if (!(value > 0)) return 1;
  const scale = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 5, 7.5, 10].map((step) => step * scale).find((step) => step >= value);
};

const shape = (parent, name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
};

const canvas = (svg) => {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren();
};

const x = (index, length) => ((index / (length - 1)) * WIDTH).toFixed(1);
const y = (value, top) => (HEIGHT - (Math.min(value, top) / top) * HEIGHT).toFixed(1);

/** Runs of neighbours that have a value: a gap is left open, not bridged. */
const runs = (values) => {
  const found = [];
  values.forEach((value, index) => {
    if (value === null || value === undefined) return;
    const last = found.at(-1);
    if (last && last.at(-1)[0] === index - 1) last.push([index, value]);
    else found.push([[index, value]]);
  });
  return found.map(visible);
};

/** A second between gaps, which is a point, as a dash of its length. */
const visible = (run) => {
  if (run.length > 1) return run;
  const [[index, value]] = run;
  return [[index - 0.5, value], [index + 0.5, value]];
};

/** One or several lines. @param {{name: string, values: (number | null)[]}[]} lines */
export const drawLines = (svg, lines, top, filled = false) => {
  canvas(svg);
  for (const { name, values } of lines) {
    for (const run of runs(values)) {
      const points = run.map(([index, value]) => `${x(index, values.length)},${y(value, top)}`);
      if (filled) {
        const [first, last] = [run[0][0], run.at(-1)[0]].map((at) => x(at, values.length));
        const area = `M${first},${HEIGHT} L${points.join(" L")} L${last},${HEIGHT} Z`;
        shape(svg, "path", { class: `area ${name}`, d: area });
      }
      shape(svg, "polyline", { class: `line ${name}`, points: points.join(" ") });
    }
  }
};

/** Areas one upon the other, the first at the bottom. */
export const drawStack = (svg, layers, top) => {
  canvas(svg);
  const length = layers[0].values.length;
  let below = new Array(length).fill(0);
  for (const { name, values } of layers) {
    const above = values.map((value, index) => below[index] + (value ?? 0));
    const upper = above.map((value, index) => `${x(index, length)},${y(value, top)}`);
    const lower = below.map((value, index) => `${x(index, length)},${y(value, top)}`).reverse();
    shape(svg, "path", { class: `layer ${name}`, d: `M${upper.join(" L")} L${lower.join(" L")} Z` });
    below = above;
  }
};

// How much of each pixel a stroke or a shape covers, 0 to 255, in a field as large as the picture. What is covered twice
// counts once: the most of it, so that a soft edge stays as soft as it was asked for however slowly it is drawn.

const FULL = 255;

/** Covers what a round brush touches on its way between two points `{ x, y, r }`; of its radius the outer `feather` (0 to
 * 1) fades. Returns the box that may have changed. */
export function sweep(cover, { width, height }, from, to, feather) {
  const reach = Math.max(from.r, to.r) + 1;
  const box = bounded({ left: Math.min(from.x, to.x) - reach, top: Math.min(from.y, to.y) - reach, right: Math.max(from.x, to.x) + reach, bottom: Math.max(from.y, to.y) + reach }, width, height);
  const [across, down, wider] = [to.x - from.x, to.y - from.y, to.r - from.r];
  const length = across * across + down * down;
  for (let y = box.top; y < box.bottom; y++) {
    const dy = y + 0.5 - from.y;
    for (let x = box.left, at = y * width + x; x < box.right; x++, at++) {
      const dx = x + 0.5 - from.x;
      const part = length ? Math.min(1, Math.max(0, (dx * across + dy * down) / length)) : 1;
      const r = from.r + part * wider;
      const off = (dx - part * across) ** 2 + (dy - part * down) ** 2;
      if (off >= (r + 0.5) * (r + 0.5)) continue;
      const inside = (r + 0.5 - Math.sqrt(off)) / Math.max(1, r * feather);
      const value = inside >= 1 ? FULL : Math.round(FULL * inside * inside * (3 - 2 * inside));
      if (value > cover[at]) cover[at] = value;
    }
  }
  return box;
}

/** Covers what lies within a line of points that closes; its edge fades over `soft` pixels. Returns the box. */
export function enclose(cover, { width, height }, points, soft) {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const [least, most] = [(list) => list.reduce((a, b) => Math.min(a, b)), (list) => list.reduce((a, b) => Math.max(a, b))];
  const box = bounded({ left: least(xs) - soft - 1, top: least(ys) - soft - 1, right: most(xs) + soft + 1, bottom: most(ys) + soft + 1 }, width, height);
  const size = [box.right - box.left, box.bottom - box.top];
  if (size[0] < 1 || size[1] < 1) return box;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = size;
  const drawn = canvas.getContext("2d", { willReadFrequently: true });
  drawn.translate(-box.left, -box.top);
  drawn.beginPath();
  points.forEach(({ x, y }, index) => (index ? drawn.lineTo(x, y) : drawn.moveTo(x, y)));
  drawn.fill();
  const pixels = drawn.getImageData(0, 0, ...size).data;
  const values = new Uint8Array(size[0] * size[1]);
  for (let at = 0; at < values.length; at++) values[at] = pixels[at * 4 + 3];
  canvas.width = canvas.height = 1;
  const radius = Math.round(soft / 2);
  if (radius > 0) for (let turn = 0; turn < 2; turn++) blur(values, ...size, radius);
  for (let y = 0; y < size[1]; y++) {
    const row = (box.top + y) * width + box.left;
    for (let x = 0; x < size[0]; x++) cover[row + x] = Math.max(cover[row + x], values[y * size[0] + x]);
  }
  return box;
}

/** A box of whole pixels within the picture. */
export function bounded({ left, top, right, bottom }, width, height) {
  const within = (value, most) => Math.min(most, Math.max(0, value));
  const box = { left: within(Math.floor(left), width), top: within(Math.floor(top), height), right: within(Math.ceil(right), width), bottom: within(Math.ceil(bottom), height) };
  return { ...box, right: Math.max(box.left, box.right), bottom: Math.max(box.top, box.bottom) };
}

/** A mean over so many pixels at either side, across and then down; beyond the box it goes on as its edge. */
function blur(values, width, height, radius) {
  const line = new Float32Array(Math.max(width, height));
  const along = (start, step, count) => {
    for (let at = 0; at < count; at++) line[at] = values[start + at * step];
    const edged = (at) => line[Math.min(count - 1, Math.max(0, at))];
    let sum = 0;
    for (let at = -radius; at <= radius; at++) sum += edged(at);
    for (let at = 0; at < count; at++) {
      values[start + at * step] = Math.round(sum / (2 * radius + 1));
      sum += edged(at + radius + 1) - edged(at - radius);
    }
  };
  for (let y = 0; y < height; y++) along(y * width, 1, width);
  for (let x = 0; x < width; x++) along(x, width, height);
}

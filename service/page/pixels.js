// Pictures as pixels in the browser: reading files, mixing by strength, writing PNG.

const { fround } = Math;

/** Returns the picture as `ImageData`; throws where the browser cannot read it. */
export async function readPixels(blob) {
  const bitmap = await createImageBitmap(blob);
  const context = makeCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, context.canvas.width, context.canvas.height);
}

export function copyPixels({ data, width, height }) {
  return new ImageData(data.slice(), width, height);
}

/**
 * Writes `before + strength * (after - before)` to `target` with the service's arithmetic: in single precision,
 * clamped, and halves rounded to even, as a clamped array does.
 */
export function mix(before, after, strength, target) {
  const [from, to, result, by] = [before.data, after.data, target.data, fround(strength)];
  for (let at = 0; at < result.length; at += 4) {
    result[at] = fround(from[at] + fround(by * (to[at] - from[at])));
    result[at + 1] = fround(from[at + 1] + fround(by * (to[at + 1] - from[at + 1])));
    result[at + 2] = fround(from[at + 2] + fround(by * (to[at + 2] - from[at + 2])));
    result[at + 3] = from[at + 3];
  }
}

export async function writePng(pixels) {
  const canvas = makeCanvas(pixels.width, pixels.height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

export function makeCanvas(width, height) {
  return new OffscreenCanvas(width, height);
}

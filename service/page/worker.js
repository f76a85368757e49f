// Runs graphs with onnxruntime-web: by WebGPU where there is one, else by WebAssembly.

const RUNTIME = new URL("runtime/", import.meta.url).href;
const MOST_THREADS = 4;
const TILE_PX = 1024;
const TRIAL_PX = 64;
const ERRORS = 3; // and nothing milder in the console

const models = new Map();
let runtime = null;

self.addEventListener("message", async ({ data: { id, load, run } }) => {
  try {
    const result = load ? await open(load) : await sharpen(run);
    self.postMessage({ id, ...result }, result.buffer ? [result.buffer] : []);
  } catch (error) {
    self.postMessage({ id, error: String(error.message ?? error) });
  }
});

/** Takes the first provider that runs the graph; one that only starts is as good as none. */
async function open({ key, graph, reach, step }) {
  runtime ??= startRuntime();
  const { ort, providers } = await runtime.catch((error) => {
    runtime = null;
    throw error;
  });
  const halo = Math.ceil(reach / step) * step;
  for (const { name, engine } of providers) {
    try {
      const session = await ort.InferenceSession.create(graph, { executionProviders: [name], logSeverityLevel: ERRORS });
      await runNetwork({ ort, session }, new Uint8Array(TRIAL_PX * TRIAL_PX * 3), TRIAL_PX, TRIAL_PX);
      models.set(key, { ort, session, halo, step });
      return { engine };
    } catch (error) {
      if (name === providers.at(-1).name) throw error;
    }
  }
}

async function startRuntime() {
  const found = await self.navigator.gpu?.requestAdapter().catch(() => null);
  const adapter = found?.info?.isFallbackAdapter ? null : found; // software that imitates a GPU is slower than any
  const ort = await import(`${RUNTIME}${adapter ? "ort.webgpu.min.mjs" : "ort.wasm.min.mjs"}`);
  // browsers share memory between threads only on pages isolated from other origins, and those need HTTPS
  const threads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
  Object.assign(ort.env.wasm, { wasmPaths: RUNTIME, numThreads: threads });
  const processor = { name: "wasm", engine: `WebAssembly, ${threads} thread${threads > 1 ? "s" : ""}` };
  return { ort, providers: adapter ? [{ name: "webgpu", engine: "WebGPU" }, processor] : [processor] };
}

async function runNetwork({ ort, session }, blurred, height, width) {
  const { sharpened } = await session.run({ blurred: new ort.Tensor("uint8", blurred, [1, height, width, 3]) });
  return sharpened.getData();
}

/** Sharpens RGBA, tile by tile: with the network's reach around each, the tiles leave no seam. */
async function sharpen({ key, buffer, width, height }) {
  const began = performance.now();
  const model = models.get(key);
  const pixels = { data: new Uint8ClampedArray(buffer), width, height };
  const result = pixels.data.slice();
  for (const rows of cut(height, model.halo)) {
    for (const columns of cut(width, model.halo)) await runTile(model, pixels, { rows, columns }, result);
  }
  return { buffer: result.buffer, ms: performance.now() - began };
}

/** Yields what to keep of a side, piece by piece, and what the network must see for it. */
function* cut(size, halo) {
  const kept = size > TILE_PX ? TILE_PX - 2 * halo : size;
  for (let start = 0; start < size; start += kept) {
    const end = Math.min(start + kept, size);
    yield { start, end, from: Math.max(0, start - halo), to: Math.min(size, end + halo) };
  }
}

async function runTile(model, pixels, { rows, columns }, result) {
  const [height, width] = [rows, columns].map(({ from, to }) => Math.ceil((to - from) / model.step) * model.step);
  const answer = await runNetwork(model, readTile(pixels, rows.from, columns.from, height, width), height, width);
  for (let y = rows.start; y < rows.end; y += 1) {
    let at = 3 * ((y - rows.from) * width + columns.start - columns.from);
    for (let x = columns.start; x < columns.end; x += 1, at += 3) {
      const target = 4 * (y * pixels.width + x);
      result[target] = answer[at];
      result[target + 1] = answer[at + 1];
      result[target + 2] = answer[at + 2];
    }
  }
}

/** Returns RGB; beyond the picture its last row and column are repeated, as the service does. */
function readTile(pixels, top, left, height, width) {
  const tile = new Uint8Array(height * width * 3);
  for (let row = 0, at = 0; row < height; row += 1) {
    const start = Math.min(top + row, pixels.height - 1) * pixels.width;
    for (let column = 0; column < width; column += 1, at += 3) {
      const source = 4 * (start + Math.min(left + column, pixels.width - 1));
      tile[at] = pixels.data[source];
      tile[at + 1] = pixels.data[source + 1];
      tile[at + 2] = pixels.data[source + 2];
    }
  }
  return tile;
}

// The student in this browser: its graph comes from the service once, a worker runs it.

import { ask } from "./service.js";

const RUNTIME = new URL("runtime/ort.wasm.min.mjs", import.meta.url);
const MISSING = "This service was installed without what runs networks in a browser; its operator needs npm for it.";
const OLD = "This browser has no WebAssembly.";

export class Local {
  constructor() {
    this.jobs = new Map();
    this.next = 0;
    this.sessions = new Map();
    this.worker = null;
  }

  /** Returns why nothing can be run here, or null. */
  async explainOff() {
    if (typeof WebAssembly === "undefined") return OLD;
    const there = await fetch(RUNTIME, { method: "HEAD" }).catch(() => null);
    return there?.ok ? null : MISSING;
  }

  /** Returns what runs the model, in words; throws an error in words where it cannot be run here. */
  async load(model) {
    const key = model.sha256;
    if (!this.sessions.has(key)) this.sessions.set(key, this.open(model));
    try {
      return await this.sessions.get(key);
    } catch (error) {
      this.sessions.delete(key);
      throw error;
    }
  }

  /** Returns the sharpened `ImageData` and the milliseconds it took; `pixels` cannot be used after. */
  async sharpen(model, pixels) {
    const engine = await this.load(model);
    const { width, height } = pixels;
    const { buffer } = pixels.data;
    const done = await this.ask({ run: { key: model.sha256, buffer, width, height } }, [buffer]);
    return { pixels: new ImageData(new Uint8ClampedArray(done.buffer), width, height), ms: done.ms, engine };
  }

  async open(model) {
    const answer = await ask("models/onnx", { query: { model: model.value } });
    const graph = await answer.arrayBuffer();
    const { sha256: key, receptive_field_px: reach, multiple_of: step } = model;
    const { engine } = await this.ask({ load: { key, graph, reach, step } }, [graph]);
    return engine;
  }

  ask(message, transfer) {
    this.worker ??= this.start();
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.jobs.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...message }, transfer);
    });
  }

  start() {
    const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data: { id, error, ...result } }) => {
      const { resolve, reject } = this.jobs.get(id);
      this.jobs.delete(id);
      if (error) reject(new Error(error));
      else resolve(result);
    });
    worker.addEventListener("error", (event) => {
      for (const { reject } of this.jobs.values()) {
        reject(new Error(`What runs networks in this browser has failed: ${event.message ?? "it did not load"}.`));
      }
      this.jobs.clear();
      this.sessions.clear();
      this.worker = null;
    });
    return worker;
  }
}

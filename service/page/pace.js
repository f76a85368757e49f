// How many frames a second there are, and how old they are: of the last seconds only.

const WINDOW_MS = 3000;

export class Pace {
  constructor() {
    this.frames = [];
  }

  /** Notes a frame that is shown now and was taken at `takenMs`. */
  note(takenMs, nowMs = performance.now()) {
    this.frames.push({ nowMs, latencyMs: nowMs - takenMs });
  }

  /** Returns frames a second and their mean age, or null where fewer than two were shown lately. */
  read(nowMs = performance.now()) {
    const frames = (this.frames = this.frames.filter((frame) => frame.nowMs > nowMs - WINDOW_MS));
    if (frames.length < 2) return null;
    const seconds = (frames.at(-1).nowMs - frames[0].nowMs) / 1000;
    const latencyMs = frames.reduce((sum, frame) => sum + frame.latencyMs, 0) / frames.length;
    return { perSecond: (frames.length - 1) / seconds, latencyMs };
  }
}

// The camera through the student, on the server and in this browser, side by side.

import { Comparison } from "./comparison.js";
import { fillChooser } from "./models.js";
import { hideNotice, showNotice } from "./notice.js";
import { Pace } from "./pace.js";
import { makeCanvas, mix } from "./pixels.js";
import { Stream } from "./stream.js";

const FRAME_QUALITY = 0.92;
const FIGURES_MS = 500;
const find = (id) => document.getElementById(id);
const REASONS = {
  NotAllowedError: "The browser was told not to lend this page the camera. Its address bar has the switch.",
  NotFoundError: "There is no camera.",
  NotReadableError: "The camera is in use elsewhere.",
};

/** One of the two views: its split picture and its figures. */
class View {
  constructor(name, title) {
    this.switch = find(`use-${name}`);
    this.figures = find(`figures-${name}`);
    this.comparison = new Comparison(find(`live-${name}`));
    this.comparison.name("Camera", title);
    this.reset();
  }

  get isOn() {
    return this.switch.checked && !this.switch.disabled;
  }

  reset() {
    this.pace = new Pace();
    this.busy = false;
    this.tell();
  }

  show(before, after, takenMs) {
    this.comparison.draw(before, after);
    this.pace.note(takenMs);
  }

  tell() {
    const read = this.isOn ? this.pace.read() : null;
    const [perSecond, latency] = this.figures.querySelectorAll("dd");
    perSecond.textContent = read ? read.perSecond.toFixed(1) : "–";
    latency.textContent = read ? `${Math.round(read.latencyMs)} ms` : "–";
  }
}

export class CameraPanel {
  constructor(local) {
    this.local = local;
    this.video = document.createElement("video");
    Object.assign(this.video, { muted: true, playsInline: true });
    this.server = new View("server", "Student, server");
    this.here = new View("here", "Student, here");
    this.stream = null;
    this.running = null;
    this.listen();
  }

  begin(models, whyOff) {
    this.models = models.filter(({ role }) => role === "student");
    fillChooser(find("camera-model"), this.models);
    find("camera-toggle").disabled = false;
    if (whyOff) {
      Object.assign(this.here.switch, { disabled: true, checked: false });
      find("here-off").textContent = whyOff;
    }
  }

  get model() {
    return this.models.find((model) => model.value === find("camera-model").value);
  }

  get settings() {
    return { model: this.model.value, strength: Number(find("camera-strength").value) };
  }

  listen() {
    find("camera-toggle").addEventListener("click", () => (this.running ? this.stop() : this.start()));
    find("camera-model").addEventListener("change", () => this.stream?.change(this.settings));
    find("camera-strength").addEventListener("input", () => {
      find("camera-strength-value").textContent = this.settings.strength.toFixed(2);
      this.stream?.change(this.settings);
    });
    find("camera-size").addEventListener("change", () => this.running && this.start());
    this.server.switch.addEventListener("change", () => {
      this.server.reset();
      this.closeStream();
    });
    this.here.switch.addEventListener("change", () => this.here.reset());
  }

  /** Opens the camera; nothing is sent before it is there. */
  async start() {
    this.stop();
    hideNotice();
    const [width, height] = find("camera-size").value.split("x").map(Number);
    const constraints = { video: { width: { ideal: width }, height: { ideal: height }, facingMode: "user" } };
    const running = (this.running = new AbortController());
    this.setRunning("Asking for the camera …");
    try {
      if (!navigator.mediaDevices) throw new Error("Browsers lend a camera only to pages over HTTPS or on this machine.");
      const source = await navigator.mediaDevices.getUserMedia(constraints);
      running.signal.addEventListener("abort", () => source.getTracks().forEach((track) => track.stop()));
      if (running.signal.aborted) return source.getTracks().forEach((track) => track.stop());
      this.video.srcObject = source;
      await this.video.play();
      this.say(`${this.video.videoWidth} × ${this.video.videoHeight} px`);
      await this.run(running.signal, { width, height });
    } catch (error) {
      if (running.signal.aborted) return;
      this.stop();
      showNotice(REASONS[error.name] ?? error.message, () => this.start());
    }
  }

  stop() {
    this.running?.abort();
    this.running = null;
    this.closeStream();
    this.video.srcObject = null;
    for (const view of [this.server, this.here]) view.reset();
    find("camera-toggle").textContent = "Start the camera";
    this.say("");
  }

  closeStream() {
    this.stream?.close();
    this.stream = null;
  }

  setRunning(words) {
    find("camera-toggle").textContent = "Stop the camera";
    for (const placeholder of document.querySelectorAll(".placeholder")) placeholder.hidden = true;
    for (const view of [this.server, this.here]) view.comparison.root.hidden = false;
    this.say(words);
  }

  async run(signal, most) {
    const figures = setInterval(() => [this.server, this.here].forEach((view) => view.tell()), FIGURES_MS);
    signal.addEventListener("abort", () => clearInterval(figures));
    while (!signal.aborted) {
      await this.nextFrame();
      if (signal.aborted) return;
      const takenMs = performance.now();
      if (this.server.isOn) this.sendFrame(most, takenMs);
      if (this.here.isOn && !this.here.busy) this.runFrame(most, takenMs);
    }
  }

  nextFrame() {
    return new Promise((resolve) => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(resolve);
      else requestAnimationFrame(resolve);
    });
  }

  /** Takes the frame on show, no larger than asked for: cameras may give more. */
  grab({ width, height }) {
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, Math.max(width / videoWidth, height / videoHeight));
    const canvas = makeCanvas(Math.round(videoWidth * scale), Math.round(videoHeight * scale));
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.video, 0, 0, canvas.width, canvas.height);
    return { canvas, context };
  }

  async sendFrame(most, takenMs) {
    this.stream ??= this.openStream();
    const { stream, server } = this;
    if (!stream.hasRoom || server.busy) return;
    server.busy = true;
    const { canvas } = this.grab(most);
    const file = await canvas.convertToBlob({ type: "image/jpeg", quality: FRAME_QUALITY });
    server.busy = false;
    if (stream.hasRoom) stream.send(file, { canvas, takenMs });
  }

  openStream() {
    return new Stream(this.settings, {
      onFrame: ({ canvas, takenMs }, sharpened) => {
        if (this.server.isOn) this.server.show(canvas, sharpened, takenMs);
        sharpened.close();
      },
      onProblem: (words) => showNotice(words),
      onEnd: (words) => {
        this.stop();
        showNotice(words, () => this.start());
      },
    });
  }

  async runFrame(most, takenMs) {
    const { here, running } = this;
    here.busy = true;
    const { canvas, context } = this.grab(most);
    try {
      const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
      const result = await this.local.sharpen(this.model, pixels);
      if (running !== this.running || !here.isOn) return;
      find("here-off").textContent = result.engine;
      here.show(canvas, this.mixFrame(context, canvas, result.pixels), takenMs);
    } catch (error) {
      here.switch.checked = false;
      showNotice(error.message);
    } finally {
      here.busy = false;
    }
  }

  /** Returns the frame at the chosen strength. */
  mixFrame(context, canvas, sharpened) {
    const { strength } = this.settings;
    if (strength !== 1) {
      const before = context.getImageData(0, 0, canvas.width, canvas.height);
      mix(before, sharpened, strength, sharpened);
    }
    return sharpened;
  }

  say(words) {
    find("camera-status").textContent = words;
  }
}

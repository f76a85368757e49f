// Two pictures, one over the other, with a divider between them; zoom and pan for both at once.

const STEP = 1.25;
const LARGEST_SCALE = 16;
const PIXELATED_FROM = 3;
const SPLIT_STEP = 2;
const SPLIT_LEAP = 10;
const PAN_PX = 40;

const limit = (value, least, most) => Math.min(Math.max(value, least), most);

export class Comparison {
  constructor(root) {
    root.append(document.getElementById("comparison-template").content.cloneNode(true));
    root.classList.add("comparison");
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.handle = root.querySelector(".handle");
    this.zoomed = root.querySelector(".tools output");
    [this.before, this.after] = root.querySelectorAll("canvas");
    this.view = { scale: 0, x: 0, y: 0, fits: true };
    this.pointers = new Map();
    this.split(50);
    this.listen();
  }

  /** Sets the size in pixels of both pictures; a new size is fitted into the stage. */
  resize(width, height) {
    if (this.before.width === width && this.before.height === height) return;
    for (const canvas of [this.before, this.after]) Object.assign(canvas, { width, height });
    this.stage.style.setProperty("--ratio", width / height);
    this.fit();
  }

  /** Shows pixels on one side, `before` or `after`. */
  show(side, pixels) {
    this.resize(pixels.width, pixels.height);
    this[side].getContext("2d").putImageData(pixels, 0, 0);
  }

  /** Shows a frame before and after; each is a canvas, a bitmap or `ImageData` of one size. */
  draw(before, after) {
    this.resize(before.width, before.height);
    for (const [side, frame] of Object.entries({ before, after })) {
      const context = this[side].getContext("2d");
      if (frame instanceof ImageData) context.putImageData(frame, 0, 0);
      else context.drawImage(frame, 0, 0);
    }
  }

  name(before, after) {
    for (const [side, text] of Object.entries({ before, after })) {
      this.root.querySelector(`[data-side=${side}]`).textContent = text;
      this[side].setAttribute("aria-label", text);
    }
  }

  split(percent) {
    this.percent = limit(percent, 0, 100);
    const shown = Math.round(this.percent);
    this.stage.style.setProperty("--split", `${this.percent}%`);
    this.handle.setAttribute("aria-valuenow", shown);
    this.handle.setAttribute("aria-valuetext", `${shown} % before, ${100 - shown} % after`);
  }

  fit() {
    this.place({ scale: this.fitting(), x: 0, y: 0, fits: true });
  }

  zoom(scale, around = this.centre()) {
    const next = limit(scale, Math.min(this.fitting(), this.pixelScale()), LARGEST_SCALE);
    const { x, y, scale: now } = this.view;
    const factor = next / now;
    this.place({
      scale: next,
      x: around.x - (around.x - x) * factor,
      y: around.y - (around.y - y) * factor,
      fits: Math.abs(next / this.fitting() - 1) < 0.001,
    });
  }

  pan(dx, dy) {
    this.place({ ...this.view, x: this.view.x + dx, y: this.view.y + dy });
  }

  fitting() {
    const { clientWidth, clientHeight } = this.stage;
    return Math.min(clientWidth / this.before.width, clientHeight / this.before.height) || 1;
  }

  pixelScale() {
    return 1 / devicePixelRatio;
  }

  centre() {
    return { x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 };
  }

  /** Takes the view, kept where some of the picture is seen, and centred where it is smaller. */
  place({ scale, x, y, fits }) {
    const [roomX, roomY] = [
      this.stage.clientWidth - this.before.width * scale,
      this.stage.clientHeight - this.before.height * scale,
    ];
    const keep = (offset, room) => (room >= 0 ? room / 2 : limit(offset, room, 0));
    this.view = { scale, x: keep(x, roomX), y: keep(y, roomY), fits };
    const transform = `translate(${this.view.x}px, ${this.view.y}px) scale(${scale})`;
    for (const canvas of [this.before, this.after]) canvas.style.transform = transform;
    this.stage.classList.toggle("enlarged", roomX < -1 || roomY < -1);
    this.stage.classList.toggle("pixelated", scale >= PIXELATED_FROM);
    this.zoomed.textContent = `${Math.round((scale / this.pixelScale()) * 100)} %`;
  }

  listen() {
    const { stage, handle, root } = this;
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      stage.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    }
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("dblclick", (event) => {
      if (!this.view.fits) this.fit();
      else this.zoom(Math.max(this.pixelScale(), 2 * this.view.scale), this.point(event));
    });
    stage.addEventListener("keydown", (event) => this.key(event));
    handle.addEventListener("keydown", (event) => this.keyOfHandle(event));
    root.querySelector(".tools").addEventListener("click", (event) => {
      this.act(event.target.closest("[data-zoom]")?.dataset.zoom);
    });
    new ResizeObserver(() => (this.view.fits ? this.fit() : this.pan(0, 0))).observe(stage);
  }

  act(action) {
    if (action === "in") this.zoom(this.view.scale * STEP);
    if (action === "out") this.zoom(this.view.scale / STEP);
    if (action === "fit") this.fit();
    if (action === "pixels") this.zoom(this.pixelScale());
  }

  point({ clientX, clientY }) {
    const box = this.stage.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  }

  press(event) {
    if (event.button !== 0) return;
    const onHandle = event.target === this.handle;
    const drags = onHandle || !this.stage.classList.contains("enlarged") ? "divider" : "picture";
    this.pointers.set(event.pointerId, { ...this.point(event), drags });
    this.stage.setPointerCapture(event.pointerId);
    if (onHandle) this.handle.focus();
    else if (drags === "divider" && event.pointerType === "mouse") this.follow(event);
  }

  move(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const now = { ...this.point(event), drags: last.drags };
    if (this.pointers.size === 2) this.pinch(event.pointerId, now);
    else if (last.drags === "divider") this.follow(event);
    else this.pan(now.x - last.x, now.y - last.y);
    this.pointers.set(event.pointerId, now);
  }

  follow(event) {
    this.split((this.point(event).x / this.stage.clientWidth) * 100);
  }

  pinch(moved, now) {
    const last = this.pointers.get(moved);
    const [other] = [...this.pointers].filter(([id]) => id !== moved).map(([, point]) => point);
    const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    this.zoom(this.view.scale * (distance(now) / distance(last)), middle);
    this.pan((now.x - last.x) / 2, (now.y - last.y) / 2);
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return; // a plain wheel scrolls the page
    event.preventDefault();
    this.zoom(this.view.scale * Math.exp(-event.deltaY / 200), this.point(event));
  }

  key(event) {
    const [x, y] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[
      event.key
    ] ?? [0, 0];
    const action = { "+": "in", "=": "in", "-": "out", 0: "fit", 1: "pixels" }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || (!x && !y && !action)) return;
    if ((x || y) && !this.stage.classList.contains("enlarged")) return; // the page scrolls
    event.preventDefault();
    this.pan(x * PAN_PX, y * PAN_PX);
    this.act(action);
  }

  keyOfHandle(event) {
    const next = {
      ArrowLeft: this.percent - SPLIT_STEP,
      ArrowDown: this.percent - SPLIT_STEP,
      ArrowRight: this.percent + SPLIT_STEP,
      ArrowUp: this.percent + SPLIT_STEP,
      PageDown: this.percent - SPLIT_LEAP,
      PageUp: this.percent + SPLIT_LEAP,
      Home: 0,
      End: 100,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.split(next);
  }
}

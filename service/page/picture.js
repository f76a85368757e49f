// One picture: opened, sharpened at any strength, judged against its sharp original, and saved.

import { Comparison } from "./comparison.js";
import { describeModel, fillChooser } from "./models.js";
import { hideNotice, showNotice, waitWithNotice } from "./notice.js";
import { copyPixels, mix, readPixels, writePng } from "./pixels.js";
import { clearScores, showScores } from "./scores.js";
import { ask, patiently, readTimings } from "./service.js";

const BLUR = "paper";
const find = (id) => document.getElementById(id);
const PLACES = {
  server: "The picture is sent to this service, which keeps nothing of it.",
  here: "The picture stays on this machine; only the network comes to it.",
};

export class PicturePanel {
  constructor(local) {
    this.local = local;
    this.active = true;
    this.models = [];
    this.whyOff = null;
    /** What is open: its file and name, its pixels, and the sharp original's file if there is one. */
    this.open = null;
    /** What the network makes of it: pixels at strength 1, who did it, and the picture on show. */
    this.result = null;
    /** How what is on show came about. */
    this.words = "";
    this.work = new AbortController();
    this.comparison = new Comparison(find("comparison"));
    this.listen();
  }

  begin(models, whyOff) {
    this.models = models;
    this.whyOff = whyOff;
    fillChooser(find("model"), models);
    this.describeChoice();
    if (this.open) this.sharpen();
  }

  get model() {
    return this.models.find((model) => model.value === find("model").value);
  }

  get strength() {
    return Number(find("strength").value);
  }

  get isHere() {
    return find("here").checked;
  }

  listen() {
    for (const id of ["choose", "choose-another"]) {
      find(id).addEventListener("change", ({ target }) => this.takeFiles(target, (file) => this.openFile(file)));
    }
    find("choose-reference").addEventListener("change", ({ target }) =>
      this.takeFiles(target, (file) => this.setReference(file)));
    for (const button of document.querySelectorAll("[data-sample]")) {
      button.addEventListener("click", () => this.openSample(button.dataset.sample));
    }
    find("model").addEventListener("change", () => this.choose());
    for (const id of ["server", "here"]) find(id).addEventListener("change", () => this.choose());
    find("strength").addEventListener("input", () => this.showStrength());
    find("blur").addEventListener("click", () => this.toggleBlur());
    find("download").addEventListener("click", () => this.download());
    document.addEventListener("paste", (event) => this.paste(event));
    this.listenForDrops();
  }

  takeFiles(input, use) {
    const [file] = input.files;
    input.value = ""; // the same file may be chosen again
    if (file) use(file);
  }

  paste(event) {
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
    if (!file || !this.active) return;
    event.preventDefault();
    this.openFile(file);
  }

  listenForDrops() {
    const targets = find("targets");
    const carriesFiles = (event) => this.active && event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragenter", (event) => {
      if (!carriesFiles(event)) return;
      targets.hidden = false;
      targets.classList.toggle("single", !this.open);
    });
    document.addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      for (const target of targets.children) target.classList.toggle("over", target === findTarget(event));
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) targets.hidden = true;
    });
    document.addEventListener("drop", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      targets.hidden = true;
      const [file] = event.dataTransfer.files;
      if (!file) return;
      if (this.open && findTarget(event)?.dataset.target === "reference") this.setReference(file);
      else this.openFile(file);
    });
  }

  /** Does `work` in the place of what went on before; what fails is told in words and can be tried again. */
  async attempt(doing, work) {
    this.work.abort();
    const { signal } = (this.work = new AbortController());
    hideNotice();
    find("panel-picture").setAttribute("aria-busy", "true");
    this.say(doing);
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted && error.name !== "AbortError") showNotice(error.message, () => this.attempt(doing, work));
    }
    if (signal.aborted) return;
    this.say(this.words);
    find("panel-picture").setAttribute("aria-busy", "false");
  }

  ask(path, { signal, ...options }) {
    return patiently(() => ask(path, { method: "POST", signal, ...options }), { wait: waitWithNotice, signal });
  }

  openFile(file) {
    this.attempt("Opening the picture …", (signal) => this.show({ file, name: file.name, reference: null }, signal));
  }

  openSample(name) {
    this.attempt("Opening the sample …", async (signal) => {
      const answer = await ask(`page/samples/${name}.webp`, { signal });
      await this.blur({ file: await answer.blob(), name: `${name}.webp` }, signal);
    });
  }

  toggleBlur() {
    const { blurredFrom, name, file } = this.open;
    if (blurredFrom) this.attempt("Opening the picture …", (signal) => this.show({ ...blurredFrom, reference: null }, signal));
    else this.attempt("Blurring …", (signal) => this.blur({ file, name }, signal));
  }

  /** Opens the picture blurred, with itself as the original, and the student that undoes it. */
  async blur(sharp, signal) {
    const answer = await this.ask("degrade", { query: { profile: BLUR }, body: sharp.file, signal });
    const student = this.models.find(({ profile, role }) => profile === BLUR && role === "student");
    if (student) find("model").value = student.value;
    this.describeChoice();
    const name = sharp.name.replace(/\.\w+$/, "") + "-blurred.png";
    await this.show({ file: await answer.blob(), name, reference: sharp.file, blurredFrom: sharp }, signal);
  }

  /** Shows a picture, and as soon as it is there what the network makes of it. */
  async show(opened, signal) {
    const pixels = await readPixels(opened.file).catch(() => this.readByService(opened.file, signal));
    signal.throwIfAborted();
    this.open = { ...opened, pixels };
    this.result = null;
    this.words = "Not sharpened.";
    clearScores();
    find("empty").hidden = true;
    for (const each of document.querySelectorAll(".with-picture")) each.hidden = false;
    this.comparison.root.hidden = false;
    this.comparison.show("before", pixels);
    this.comparison.show("after", pixels);
    this.describeOriginal();
    await this.run(signal);
  }

  /** A kind of file that the service reads and the browser does not, such as TIFF. */
  async readByService(file, signal) {
    const answer = await this.ask("sharpen", { query: { strength: 0, format: "png" }, body: file, signal });
    return readPixels(await answer.blob());
  }

  sharpen() {
    this.attempt("Sharpening …", (signal) => this.run(signal));
  }

  async run(signal) {
    if (!this.model) return; // they are not listed yet: `begin` goes on
    this.say("Sharpening …");
    const result = this.isHere ? await this.runHere() : await this.runOnServer(signal);
    signal.throwIfAborted();
    const { width, height } = this.open.pixels;
    this.result = { ...result, shown: new ImageData(width, height) };
    this.comparison.name(this.open.blurredFrom ? "Blurred" : "As it was", roleName(this.model));
    this.showStrength();
    this.words = `${result.words} · ${width} × ${height} px`;
    this.say(this.words);
    await this.judge(signal);
  }

  async runOnServer(signal) {
    const { file } = this.open;
    const began = performance.now();
    const answer = await this.ask("sharpen", { query: { model: this.model.value, format: "png" }, body: file, signal });
    const pixels = await readPixels(await answer.blob());
    const spans = readTimings(answer);
    const network = `${roleName(this.model)} ${inMilliseconds(spans.model)}`;
    return { pixels, words: `${network} on the server · ${inMilliseconds(performance.now() - began)} in all` };
  }

  async runHere() {
    const { pixels, ms, engine } = await this.local.sharpen(this.model, copyPixels(this.open.pixels));
    return { pixels, words: `${roleName(this.model)} ${inMilliseconds(ms)} in this browser (${engine})` };
  }

  /** Mixes what is there already, so that the slider answers at once. */
  showStrength() {
    const text = this.strength.toFixed(2);
    find("strength-value").textContent = text;
    find("strength").setAttribute("aria-valuetext", text);
    if (!this.result || this.mixing) return;
    this.mixing = requestAnimationFrame(() => {
      this.mixing = null;
      if (!this.result) return;
      mix(this.open.pixels, this.result.pixels, this.strength, this.result.shown);
      this.comparison.show("after", this.result.shown);
    });
  }

  choose() {
    this.describeChoice();
    if (this.open) this.sharpen();
  }

  describeChoice() {
    const { model } = this;
    if (!model) return;
    const reason = this.whyOff ?? (model.role === "teacher" ? "A teacher is too large to run in a browser." : null);
    find("here").disabled = reason !== null;
    if (reason) find("server").checked = true;
    find("model-hint").textContent = describeModel(model);
    find("where-hint").textContent = reason ?? PLACES[this.isHere ? "here" : "server"];
  }

  setReference(file) {
    if (!this.open) return;
    this.attempt("Comparing with the original …", async (signal) => {
      const before = this.open;
      this.open = { ...before, reference: file, blurredFrom: null };
      try {
        await this.judge(signal);
        this.describeOriginal();
      } catch (error) {
        if (this.open.reference === file) this.open = before; // what cannot be compared is not kept
        throw error;
      }
    });
  }

  /** Shows how near to the original the picture is, before and after, if there is an original. */
  async judge(signal) {
    const { file, reference } = this.open;
    if (!reference) return;
    const body = new FormData();
    body.append("reference", reference);
    body.append("image", file);
    const answer = await this.ask("evaluate", { query: { profile: this.model.profile }, body, signal });
    showScores(await answer.json(), this.model.role);
  }

  describeOriginal() {
    const blurred = Boolean(this.open.blurredFrom);
    find("blur").setAttribute("aria-pressed", blurred);
    find("blur").textContent = blurred ? "Blurred for you: undo" : "Blur it for me";
  }

  download() {
    this.attempt("Preparing the file …", async (signal) => {
      const { blob, extension } = this.isHere ? await this.writeHere() : await this.fetchSharpened(signal);
      signal.throwIfAborted();
      save(blob, `${this.open.name.replace(/\.\w+$/, "")}-sharpened.${extension}`);
    });
  }

  /** The service's own answer at this strength, in the kind that was sent and with all that it carries. */
  async fetchSharpened(signal) {
    const query = { model: this.model.value, strength: this.strength };
    const blob = await (await this.ask("sharpen", { query, body: this.open.file, signal })).blob();
    return { blob, extension: blob.type.split("/").at(-1).replace("jpeg", "jpg") };
  }

  async writeHere() {
    return { blob: await writePng(this.result.shown), extension: "png" };
  }

  say(words) {
    find("status").textContent = words;
  }
}

function findTarget({ target }) {
  return target.closest?.("[data-target]") ?? null;
}

function roleName({ role }) {
  return role === "student" ? "Student" : "Teacher";
}

function inMilliseconds(ms) {
  return `${Math.round(ms).toLocaleString("en")} ms`;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Frames over a WebSocket, as docs/api.md says: so many at a time as the service can take.

import { readKey } from "./service.js";

const IN_FLIGHT = 2; // one is worked on, one waits: a third would only take the place of the second
const FRAME_TYPE = "image/jpeg";

export class Stream {
  /** `onFrame` gets what was given to `send`, the answer as a bitmap and its header; `onEnd` why it ended. */
  constructor(settings, { onFrame, onProblem, onEnd }) {
    const url = new URL("stream", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    url.search = new URLSearchParams(settings);
    const key = readKey();
    this.socket = key ? new WebSocket(url, ["sharpen", `sharpen.key.${encodeKey(key)}`]) : new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.sent = new Map();
    this.next = 0;
    this.handlers = { onFrame, onProblem, onEnd };
    this.refused = null;
    this.answers = Promise.resolve();
    this.socket.addEventListener("message", ({ data }) => {
      // one after the other, as decoding may overtake
      this.answers = this.answers.then(() => (typeof data === "string" ? this.hear(JSON.parse(data)) : this.take(data)));
    });
    this.socket.addEventListener("close", (event) => this.handlers.onEnd(explainEnd(event, this.refused)));
  }

  get hasRoom() {
    return this.socket.readyState === WebSocket.OPEN && this.sent.size < IN_FLIGHT;
  }

  /** Sends a frame's file; `frame` is handed back with the answer. */
  send(file, frame) {
    this.sent.set(this.next, frame);
    this.next += 1;
    this.socket.send(file);
  }

  change(settings) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(settings));
  }

  close() {
    this.handlers = { onFrame() {}, onProblem() {}, onEnd() {} };
    this.socket.close();
  }

  hear({ type, sequence, problem, final }) {
    this.sent.delete(sequence);
    if (type !== "error") return;
    const words = `${problem.title}: ${problem.detail}.`;
    if (final) this.refused = words;
    else this.handlers.onProblem(words);
  }

  async take(data) {
    const length = new DataView(data).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    const sharpened = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: FRAME_TYPE }));
    const frame = this.sent.get(header.sequence);
    this.sent.delete(header.sequence);
    this.handlers.onFrame(frame, sharpened, header);
  }
}

function encodeKey(key) {
  return btoa(key).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function explainEnd({ code, reason }, refused) {
  if (refused) return refused;
  if (code === 1000) return `The service closed the stream: ${reason || "it was idle"}.`;
  return reason ? `The stream ended: ${reason}.` : "The service does not answer, or closed the stream.";
}

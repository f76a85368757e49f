// What went wrong, in words, with what can be done about it.

const box = document.getElementById("notice");
const text = document.getElementById("notice-text");
const countdown = document.getElementById("notice-countdown");
const retryButton = document.getElementById("notice-retry");
const closeButton = document.getElementById("notice-close");
const SECOND_MS = 1000;

let retry = null;
let dismiss = null;

retryButton.addEventListener("click", () => leave(retry));
closeButton.addEventListener("click", () => leave(dismiss));

function leave(action) {
  hideNotice();
  action?.();
}

/** Shows an error; `again` is what the button does, if there is one. */
export function showNotice(message, again = null) {
  show(message, again, null);
  countdown.textContent = "";
}

export function hideNotice() {
  box.hidden = true;
  text.textContent = countdown.textContent = "";
  retry = dismiss = null;
}

/** Resolves when the seconds are over or whoever looks wants it now; rejects when they, or `signal`, give up. */
export function waitWithNotice(error, seconds, signal) {
  const ended = new AbortController();
  return new Promise((resolve, reject) => {
    let left = Math.ceil(seconds);
    const giveUp = () => reject(new DOMException("", "AbortError"));
    const tick = () => {
      countdown.textContent = `Trying again in ${left} s. Nothing is lost.`;
      if (left === 0) resolve();
      left -= 1;
    };
    show(error.message, resolve, giveUp);
    tick();
    const timer = setInterval(tick, SECOND_MS);
    ended.signal.addEventListener("abort", () => clearInterval(timer));
    signal?.addEventListener("abort", giveUp, { signal: ended.signal });
  }).finally(() => {
    ended.abort();
    if (!signal?.aborted) hideNotice(); // else it is another's by now
  });
}

function show(message, again, givenUp) {
  // said anew only when it is new: screen readers would repeat it
  if (text.textContent !== message || box.hidden) text.textContent = message;
  retry = again;
  dismiss = givenUp;
  retryButton.hidden = again === null;
  retryButton.textContent = givenUp ? "Try now" : "Try again";
  closeButton.textContent = givenUp ? "Give up" : "Dismiss";
  box.hidden = false;
}

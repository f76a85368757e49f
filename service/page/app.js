// The page: its tabs, the key, and what both panels share.

import { CameraPanel } from "./camera.js";
import { Local } from "./local.js";
import { loadModels } from "./models.js";
import { PicturePanel } from "./picture.js";
import { useKeyDialog } from "./service.js";

const dialog = document.getElementById("key");
const keyInput = document.getElementById("key-input");
let asking = null;

/** Asks for the key once, however many requests want it. */
function askForKey(wasWrong) {
  asking ??= new Promise((resolve) => {
    document.getElementById("key-wrong").hidden = !wasWrong;
    keyInput.value = "";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      asking = null;
      resolve(dialog.returnValue === "use" ? keyInput.value : null);
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

function installTabs(onShow) {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const choose = (chosen) => {
    for (const tab of tabs) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", selected);
      tab.tabIndex = selected ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !selected;
    }
    onShow(chosen.id);
  };
  for (const [at, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (!step) return;
      const next = tabs.at((at + step) % tabs.length);
      next.focus();
      choose(next);
    });
  }
}

useKeyDialog(askForKey);
const local = new Local();
const picture = new PicturePanel(local);
const camera = new CameraPanel(local);
installTabs((tab) => {
  picture.active = tab === "tab-picture";
  if (picture.active) camera.stop();
});
const [models, whyOff] = await Promise.all([loadModels(), local.explainOff()]);
picture.begin(models, whyOff);
camera.begin(models, whyOff);
document.documentElement.dataset.ready = "";

// What the service has loaded, and the list that one chooses from.

import { ask, patiently } from "./service.js";
import { hideNotice, showNotice, waitWithNotice } from "./notice.js";

const PURPOSES = {
  call: "For pictures of which nobody knows what happened to them. Leaves sharp ones alone.",
  paper: "Undoes one thing, very well: shrunk by two, blurred, enlarged. Spoils other pictures.",
};
const PROFILE_NAMES = { call: "Real pictures and calls", paper: "The paper’s blur" };

/** Asks until the models are there; never fails, but says what is wrong and goes on on request. */
export async function loadModels() {
  for (;;) {
    try {
      const answer = await patiently(() => ask("models"), { wait: waitWithNotice });
      hideNotice();
      return arrange(await answer.json());
    } catch (error) {
      const message = error.message || "The service is not ready yet.";
      await new Promise((again) => showNotice(message, again));
    }
  }
}

/** The plain ones first, and of each profile the student first. */
function arrange(listed) {
  const models = listed.map((model) => ({
    ...model,
    value: model.names.find((name) => name.includes("/")) ?? model.name,
    plain: model.names.includes(model.role),
  }));
  const plain = models.find((model) => model.plain)?.profile;
  const rank = (model) => [model.profile !== plain, model.profile, model.role].join();
  return models.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** Fills a chooser with the models by profile. */
export function fillChooser(select, models) {
  const profiles = [...new Set(models.map((model) => model.profile))];
  select.replaceChildren(
    ...profiles.map((profile) => makeGroup(profile, models.filter((model) => model.profile === profile))),
  );
  select.disabled = false;
}

function makeGroup(profile, members) {
  const group = document.createElement("optgroup");
  group.label = PROFILE_NAMES[profile] ?? profile;
  group.append(...members.map((model) => new Option(label(model), model.value)));
  return group;
}

function label({ profile, role }) {
  return `${role === "student" ? "Student" : "Teacher"} · ${profile}`;
}

function shorten(count) {
  return count < 1e6 ? count.toLocaleString("en") : `${(count / 1e6).toFixed(1)} million`;
}

/** Returns what the model is for, and how large it is. */
export function describeModel({ profile, parameters }) {
  return `${PURPOSES[profile] ?? `For what the profile ${profile} damages.`} ${shorten(parameters)} parameters.`;
}

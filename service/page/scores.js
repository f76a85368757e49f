// How near to the sharp original the picture is, and each model brings it: the paper's figures.

const box = document.getElementById("scores");
const ROWS = [["input", "Input"], ["student", "Student"], ["teacher", "Teacher"]];

export function clearScores() {
  box.hidden = true;
}

/** Shows the figures of `/evaluate`; the gain is that of the model with this role. */
export function showScores(judgement, role) {
  const rows = ROWS.filter(([name]) => judgement[name]);
  document.getElementById("score-rows").replaceChildren(
    ...rows.map(([name, title]) => makeRow(title, judgement[name], name === role)),
  );
  const [before, after] = [judgement.input, judgement[role] ?? judgement.student];
  document.getElementById("gain").textContent = describeGain(before, after);
  box.hidden = false;
}

function makeRow(title, { psnr, ssim }, isChosen) {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = title;
  const figures = [psnr === null ? "identical" : psnr.toFixed(2), ssim.toFixed(4)].map((text) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    return cell;
  });
  row.classList.toggle("chosen", isChosen);
  row.append(head, ...figures);
  return row;
}

function describeGain(before, after) {
  if (before.psnr === null || after.psnr === null) return "identical";
  const gain = after.psnr - before.psnr;
  return `${gain < 0 ? "−" : "+"}${Math.abs(gain).toFixed(2)} dB`;
}

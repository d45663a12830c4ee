// The view of dead letters: counts by reason, the letters of one reason, one letter. Each request calls into a store, so nothing is
// asked for by the second: only when the view opens, when letters come, and on request.
"use strict";

const letters = { queues: [], dead: -1, asked: 0, groups: [], group: null, rows: [], next: null, picked: new Set(), open: null };
const lettersPerRequest = 50;
const secondsBetween = 10;  // requests that nobody has made

const queryOf = (pairs) => pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined)
  .map(([name, value]) => name + "=" + encodeURIComponent(value)).join("&");
const optionsOf = (pairs) => pairs.filter(([, value]) => value !== "").map(([name, value]) => " --" + name + " " + shellWord(String(value))).join("");
const lettersCount = (n) => count(n) + (n === 1 ? " dead letter" : " dead letters");

const queueOfLetters = () => byId("letters-queue").value || letters.queues[0] || "";
// What narrows the view, and with a group that, too: for the API and for the command line.
function choiceOf(group) {
  return [["queue", queueOfLetters()], ["since", byId("letters-since").value], ["match", byId("letters-match").value.trim()],
    ...(group ? [["component", group.component ?? "-"], ["reason", group.reason ?? "-"]] : [])];
}

// Called with each event.
function keepLetters(queues, dead) {
  byId("letters").hidden = queues.length === 0;
  if (queues.length === 0) return;
  if (queues.join("\n") !== letters.queues.join("\n")) {
    letters.queues = queues;
    const chosen = byId("letters-queue").value;
    byId("letters-queue").replaceChildren(...queues.map((queue) => {
      const option = make("option", "", queue);
      option.value = queue;
      return option;
    }));
    byId("letters-queue").value = queues.includes(chosen) ? chosen : queues[0];
    byId("letters-choice").hidden = queues.length === 1;
  }
  if (dead === letters.dead || Date.now() / 1000 - letters.asked < secondsBetween) return;
  letters.dead = dead;
  loadReasons();
}

// ---- by reason

const sameGroup = (a, b) => a !== null && b !== null && a.component === b.component && a.reason === b.reason;

function addGroups(all, more) {
  for (const group of more) {
    const known = all.find((one) => sameGroup(one, group));
    if (!known) all.push(group);
    else {
      known.count += group.count;
      if ((group.last_failed_at ?? 0) >= (known.last_failed_at ?? 0)) Object.assign(known, { last_failed_at: group.last_failed_at, last_error: group.last_error });
    }
  }
}

async function loadReasons() {
  letters.asked = Date.now() / 1000;
  const groups = [];
  let cursor = null, answered = null;
  // A request counts for two seconds. A queue that takes longer is shown as far as it is counted.
  for (let rounds = 0; rounds < 5; ++rounds) {
    const { ok, answer } = await ask("dead_letter_reasons?" + queryOf([...choiceOf(null), ["cursor", cursor]]));
    setText(byId("letters-error"), ok ? "" : answer.error || "The dead letters cannot be read.");
    if (!ok) break;
    answered = answer;
    addGroups(groups, answer.groups ?? []);
    cursor = answer.next ?? null;
    if (cursor === null) break;
  }
  letters.asked = Date.now() / 1000;
  letters.groups = groups;
  const counted = sum(groups, (group) => group.count);
  const held = answered === null || (answered.held ?? null) === null ? "" : queueOfLetters() + " holds " + lettersCount(answered.held) + "; ";
  setText(byId("letters-held"), answered === null ? "" : held + count(counted) + (counted === 1 ? " matches" : " match") +
    (cursor === null ? "." : " of those that were counted so far."));
  if (letters.group) letters.group = groups.find((group) => sameGroup(group, letters.group)) ?? null;
  showReasons();
}

function rowButton(text, act, isDanger) {
  const button = makeButton(isDanger ? "small danger" : "small", text);
  button.addEventListener("click", () => act(button.group, button));
  return button;
}

const reasonColumns = [
  ["Component", (group) => group.component ?? "-", "name"],
  ["Reason", (group) => group.reason ?? "-", "narrow"],
  ["Letters", (group) => count(group.count), "number"],
  ["Last failed", (group) => (group.last_failed_at === null ? "-" : dateAndTime(group.last_failed_at)), "narrow"],
  ["Last error", (group) => group.last_error ?? "-", "long"],
  ["Actions", {
    make: () => make("span", "actions", rowButton("Show", (group) => openGroup(group)), rowButton("Retry\u2026", askRetryGroup),
      rowButton("Export\u2026", askSaveGroup), rowButton("Delete\u2026", askDeleteGroup, true)),
    update: (place, group) => {
      for (const button of place.children) {
        button.group = group;
        setAttribute(button, "aria-label", button.textContent.replace("\u2026", "") + " " + (group.reason ?? "letters without a reason") + " of " + (group.component ?? "no component"));
      }
    },
  }],
];

function showReasons() {
  keepTable(byId("reasons"), "Dead letters by reason", reasonColumns, letters.groups, (group) => group.component + "/" + group.reason,
    "No dead letter matches.");
  byId("letters-list").hidden = letters.group === null;
  if (letters.group === null) byId("letter").hidden = true;
}

// ---- the letters of a group

async function openGroup(group) {
  Object.assign(letters, { group, rows: [], next: null });
  letters.picked.clear();
  byId("letter").hidden = true;
  setText(byId("letters-title"), (group.reason ?? "Without a reason") + ", " + (group.component ?? "no component"));
  showReasons();
  await loadLetters();
  byId("letters-title").focus();
}

async function loadLetters() {
  const group = letters.group;
  const { ok, answer } = await ask("dead_letters?" + queryOf([...choiceOf(group), ["limit", lettersPerRequest], ["cursor", letters.next]]));
  if (!sameGroup(group, letters.group)) return;
  if (!ok) return notice("The dead letters cannot be read: " + answer.error, true);
  const known = new Set(letters.rows.map((row) => row.id));
  letters.rows.push(...answer.letters.filter((row) => !known.has(row.id)));
  letters.next = answer.next;
  showLetters();
}

function makePick() {
  const pick = make("input", "pick");
  pick.type = "checkbox";
  pick.addEventListener("change", () => {
    if (pick.checked) letters.picked.add(pick.letter);
    else letters.picked.delete(pick.letter);
    showLetters();
  });
  return pick;
}

const letterColumns = [
  ["Select", {
    make: makePick,
    update: (pick, row) => {
      pick.letter = row.id;
      pick.checked = letters.picked.has(row.id);
      setAttribute(pick, "aria-label", "Select " + row.id);
    },
  }],
  ["Letter", {
    make: () => {
      const button = makeButton("link");
      button.addEventListener("click", () => openLetter(button.textContent));
      return button;
    },
    update: (button, row) => setText(button, row.id),
  }, "name"],
  ["Failed", (row) => (row.failed_at === null ? "-" : dateAndTime(row.failed_at)), "narrow"],
  ["Attempts", (row) => count(row.attempts), "number"],
  ["Key", (row) => row.key ?? "-"],
  ["Error", (row) => row.error ?? "-", "long"],
  ["Body", (row) => (row.body_bytes === null ? "(tombstone)" : row.excerpt === null ? "(" + bytes(row.body_bytes) + " that are no text)" : cut(row.excerpt, 80)), "long"],
];

function showLetters() {
  keepTable(byId("letters-rows"), "Dead letters", letterColumns, letters.rows, (row) => row.id, "There are none any more.");
  byId("letters-more").hidden = letters.next === null;
  const picked = letters.picked.size;
  for (const [id, verb] of [["letters-retry", "Retry"], ["letters-save", "Export"], ["letters-delete", "Delete"]]) {
    setText(byId(id), verb + " " + (picked === 0 ? "selected" : count(picked)) + "\u2026");
    byId(id).disabled = picked === 0;
  }
  setText(byId("letters-all"), picked > 0 && picked === letters.rows.length ? "Select none" : "Select all shown");
}

// ---- one letter

async function openLetter(id) {
  const { ok, answer } = await ask("dead_letters/" + encodeURIComponent(id) + "?" + queryOf([["queue", queueOfLetters()]]));
  if (!ok) return notice("The dead letter cannot be shown: " + answer.error, true);
  letters.open = { ...answer, id };
  setText(byId("letter-title"), "Dead letter " + id);
  byId("letter-edit").disabled = !isEditable(letters.open);
  byId("letter-parts").replaceChildren(...letterParts(letters.open));
  byId("letter").hidden = false;
  byId("letter-title").focus();
}

byId("letters-more").addEventListener("click", loadLetters);
byId("letters-all").addEventListener("click", () => {
  const all = letters.picked.size === letters.rows.length ? [] : letters.rows.map((row) => row.id);
  letters.picked = new Set(all);
  showLetters();
});
function chooseAnew() {
  Object.assign(letters, { group: null, rows: [], next: null });
  return loadReasons();
}
byId("letters-refresh").addEventListener("click", chooseAnew);
for (const id of ["letters-queue", "letters-since", "letters-match"]) byId(id).addEventListener("change", chooseAnew);
byId("letter-close").addEventListener("click", () => {
  byId("letter").hidden = true;
  byId("letters-title").focus();
});

// What the page asks of the engine: a question before every change, with the command that does the same.
"use strict";

const shellWord = (text) => (/^[\w.\/][\w.\/-]*$/.test(text) ? text : "'" + text.replaceAll("'", "'\\''") + "'");

function notice(text, isBad = false) {
  const place = byId("notice");
  setText(byId("notice-text"), text);
  setClass(place, isBad ? "notice bad-notice" : "notice");
  place.hidden = text === "";
}

// Returns {status, answer}; status 0: the engine does not answer, and answer.error says why.
async function ask(path, method = "GET", body = undefined) {
  try {
    const response = await fetch("api/v1/" + path, { method, body });
    const answer = await response.json();
    return { ok: response.ok, status: response.status, answer };
  } catch (error) {
    return { ok: false, status: 0, answer: { error: "the engine does not answer: " + error.message } };
  }
}

async function change(path, done) {
  const { ok, status, answer } = await ask(path, "POST");
  if (ok) notice(typeof done === "function" ? done(answer) : done);
  else notice("Not done: " + (answer.error || "status " + status), true);
}

const dialog = byId("ask");
let carryOut = () => {};
let opener = null;

function closeDialog() {
  dialog.close();
  if (opener && opener.isConnected) opener.focus();
}

// `what`: title, text, verb, danger, edits (a text that may be changed), and twin and run, which get the values of the choices, and run
// the changed text before them. A choice is [label, options], an option [value, text].
function question(what, from) {
  opener = from;
  setText(byId("ask-title"), what.title);
  setText(byId("ask-text"), what.text);
  setText(byId("ask-yes"), what.verb);
  setClass(byId("ask-yes"), what.danger ? "danger primary" : "primary");
  const selects = (what.choices || []).map(([label, options]) => {
    const select = make("select", "", ...options.map(([value, text]) => {
      const option = make("option", "", text);
      option.value = value;
      return option;
    }));
    select.setAttribute("aria-label", label);
    select.value = options[0][0];
    return [label, select];
  });
  byId("ask-choices").replaceChildren(...selects.map(([label, select]) => make("label", "", label + " ", select)));
  const values = () => selects.map(([, select]) => select.value);
  const showTwin = () => setText(byId("ask-twin"), what.twin(...values()));
  for (const [, select] of selects) select.addEventListener("change", showTwin);
  showTwin();
  const editor = byId("ask-editor");
  byId("ask-edit").hidden = what.edits === undefined;
  editor.value = what.edits ?? "";
  carryOut = () => (what.edits === undefined ? what.run(...values()) : what.run(editor.value, ...values()));
  dialog.showModal();
  (what.edits === undefined ? byId(what.danger ? "ask-no" : "ask-yes") : editor).focus();
}

byId("ask-no").addEventListener("click", closeDialog);
byId("ask-yes").addEventListener("click", () => {
  closeDialog();
  carryOut();
});

// The clipboard is there on pages of this machine and over TLS only.
const clipboard = typeof navigator === "undefined" ? undefined : navigator.clipboard;
function copyFrom(button, place) {
  button.hidden = !clipboard;
  button.addEventListener("click", async () => {
    await clipboard.writeText(place.textContent);
    setText(button, "Copied");
    setTimeout(() => setText(button, "Copy"), 1500);
  });
}
copyFrom(byId("ask-copy"), byId("ask-twin"));
byId("notice-close").addEventListener("click", () => notice(""));

function askPause(name, isPaused, from) {
  const verb = isPaused ? "resume" : "pause";
  question({
    title: (isPaused ? "Resume " : "Pause ") + name + "?",
    text: isPaused ? "It fetches messages again."
      : "It fetches no more messages until it is resumed. What is in flight goes on. While it is paused, the engine is not ready.",
    verb: isPaused ? "Resume" : "Pause",
    twin: () => "volley " + verb + " " + shellWord(name),
    run: () => change("components/" + encodeURIComponent(name) + "/" + verb,
      name + (isPaused ? " goes on." : " is paused. What is in flight goes on.")),
  }, from);
}

// The number of the reload whose verdict the notice is to show.
let awaitedReload = 0;

const questions = {
  reload: {
    title: "Reload the configuration?",
    text: "The engine reads the file again. Components that differ are drained and replaced. If anything in the file is wrong, nothing changes.",
    verb: "Reload",
    twin: () => "volley reload",
    run: () => change("reload", (answer) => {
      awaitedReload = answer.number;
      return "The configuration is read again.";
    }),
  },
  level: {
    title: "Change the log level?",
    text: "A lower level writes more lines. It applies to the whole engine.",
    verb: "Change",
    choices: [
      ["Level", [["debug", "debug"], ["trace", "trace"], ["info", "info"], ["warning", "warning"], ["error", "error"]]],
      ["For", [["10m", "10 minutes"], ["1h", "an hour"], ["", "until the next reload"]]],
    ],
    twin: (level, time) => "volley log " + level + (time ? " --for " + time : ""),
    run: (level, time) => change("log?level=" + level + (time ? "&for=" + time : ""), "The log level is " + level + "."),
  },
  drain: {
    title: "Drain and end the engine?",
    text: "It finishes what is in flight, and its process ends. This page cannot start it again.",
    verb: "Drain and end",
    danger: true,
    twin: () => "volley drain",
    run: () => change("drain", "The engine drains, and ends when what is in flight is finished."),
  },
};
for (const [id, what] of Object.entries(questions)) byId(id).addEventListener("click", () => question(what, byId(id)));

function showReloadVerdict(verdict) {
  if (awaitedReload === 0 || verdict.number < awaitedReload) return;
  if (verdict.state !== "applied" && verdict.state !== "refused") return;
  awaitedReload = 0;
  notice("The reload is " + verdict.state + (verdict.text ? ": " + verdict.text : "."), verdict.state === "refused");
}

// What is done with dead letters: retried, edited, exported, deleted; one, several or all of a reason.
"use strict";

// Into where they came from, or into any queue that the page knows.
function intoChoice() {
  const known = last ? [...new Set(last.components.flatMap((c) => [c.input, ...c.outputs.map((o) => o.queue)]))].sort() : [];
  return ["Into", [["", "the queue it came from"], ...known.map((queue) => [queue, queue])]];
}

function told(done, failed, failures, what) {
  const rest = failed === 0 ? "" : " " + lettersCount(failed) + " could not, and " + (failed === 1 ? "is" : "are") + " still there: " +
    failures.slice(0, 3).map(({ id, error }) => id + ": " + error).join("; ");
  return lettersCount(done) + (done === 1 ? " was " : " were ") + what + "." + rest;
}

// `requests`: returns the path of the next request for what is left, or null. Each works for two seconds at most.
async function workOff(requests, total, what, body) {
  let done = 0, failed = 0, answer = null;
  const failures = [];
  for (let path = requests(null, total); path !== null; path = requests(answer, total - done - failed)) {
    const reply = await ask(path, "POST", body);
    answer = reply.answer;
    if (!reply.ok) {
      notice((done > 0 ? told(done, failed, failures, what) + " Then: " : "Not done: ") + (answer.error || "status " + reply.status), true);
      break;
    }
    done += answer.done;
    failed += answer.failed;
    failures.push(...answer.failures);
    notice(answer.error ? told(done, failed, failures, what) + " Then: " + answer.error : told(done, failed, failures, what), failed > 0 || answer.error !== null);
    if (answer.error) break;
  }
  byId("letter").hidden = true;
  letters.picked.clear();
  const group = letters.group;
  await loadReasons();
  if (group && letters.group) {
    Object.assign(letters, { rows: [], next: null });
    await loadLetters();
  }
}

function workOffGroup(verb, group, what, to) {
  const choice = [...choiceOf(group), ["to", to]];
  return workOff((answer, left) => (left <= 0 || (answer && answer.next === null) ? null : "dead_letters/" + verb + "_all?" +
    queryOf([...choice, ["count", left], ...(answer ? [["before", answer.before], ["cursor", answer.next]] : [])])), group.count, what);
}

function workOffIds(verb, ids, what, to) {
  const left = [...ids];
  return workOff(() => (left.length === 0 ? null : "dead_letters/" + verb + "?" +
    queryOf([["queue", queueOfLetters()], ...left.splice(0, lettersPerRequest).map((id) => ["id", id]), ["to", to]])), ids.length, what);
}

const wordsOf = (ids) => ids.map(shellWord).join(" ");
const queueOption = () => optionsOf([["queue", queueOfLetters()]]);
const retryText = "The original bytes, key and headers are sent again. A letter is removed once its message is confirmed.";
const deleteText = "They are gone for good. Export them first if they may be needed.";

function askRetryGroup(group, from) {
  question({
    title: "Retry " + lettersCount(group.count) + "?", text: retryText, verb: "Retry " + count(group.count), choices: [intoChoice()],
    twin: (to) => "volley dlq retry --all" + optionsOf([...choiceOf(group), ["to", to]]),
    run: (to) => workOffGroup("retry", group, "sent again", to),
  }, from);
}

function askDeleteGroup(group, from) {
  question({
    title: "Delete " + lettersCount(group.count) + "?", text: deleteText, verb: "Delete " + count(group.count), danger: true,
    twin: () => "volley dlq delete --all" + optionsOf(choiceOf(group)),
    run: () => workOffGroup("delete", group, "deleted", ""),
  }, from);
}

function download(name, href) {
  const link = make("a");
  link.href = href;
  link.download = name;
  link.click();
}

function askSaveGroup(group, from) {
  question({
    title: "Export " + lettersCount(group.count) + "?", text: "An object a line; `volley send QUEUE --json --file` reads them. They stay in the queue.", verb: "Export",
    twin: () => "volley dlq export" + optionsOf(choiceOf(group)) + " > dead-letters.ndjson",
    run: () => download("dead-letters.ndjson", "api/v1/dead_letter_export?" + queryOf(choiceOf(group))),
  }, from);
}

function askRetryIds(ids, from) {
  question({
    title: "Retry " + lettersCount(ids.length) + "?", text: retryText, verb: "Retry " + count(ids.length), choices: [intoChoice()],
    twin: (to) => "volley dlq retry " + wordsOf(ids) + queueOption() + optionsOf([["to", to]]),
    run: (to) => workOffIds("retry", ids, "sent again", to),
  }, from);
}

function askDeleteIds(ids, from) {
  question({
    title: "Delete " + lettersCount(ids.length) + "?", text: deleteText, verb: "Delete " + count(ids.length), danger: true,
    twin: () => "volley dlq delete " + wordsOf(ids) + queueOption(),
    run: () => workOffIds("delete", ids, "deleted", ""),
  }, from);
}

async function save(ids) {
  const lines = [];
  for (const id of ids) {
    const { ok, answer } = await ask("dead_letters/" + encodeURIComponent(id) + "?" + queryOf([["queue", queueOfLetters()]]));
    if (!ok || isCut(answer)) return notice("Not exported: " + id + ": " + (ok ? "its body is over 1 MiB; the command line takes it" : answer.error), true);
    delete answer.body_bytes;  // which `volley send --json` does not know
    lines.push(JSON.stringify(answer) + "\n");
  }
  const url = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }));
  download("dead-letters.ndjson", url);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function askSaveIds(ids, from) {
  question({
    title: "Export " + lettersCount(ids.length) + "?", text: "An object a line; `volley send QUEUE --json --file` reads them. They stay in the queue.", verb: "Export",
    twin: () => "volley dlq show --json " + wordsOf(ids) + queueOption() + " > dead-letters.ndjson",
    run: () => save(ids),
  }, from);
}

function askEdit(letter, from) {
  question({
    title: "Edit and retry dead letter " + letter.id + "?", verb: "Retry", edits: letter.body, choices: [intoChoice()],
    text: "The new body is checked as the queue wants it. Key and headers stay. The letter is removed once the message is confirmed.",
    twin: (to) => "volley dlq retry " + shellWord(letter.id) + " --edit" + queueOption() + optionsOf([["to", to]]),
    run: (body, to) => {
      let isDone = false;
      return workOff(() => {
        const path = isDone ? null : "dead_letters/edit?" + queryOf([["queue", queueOfLetters()], ["id", letter.id], ["to", to]]);
        isDone = true;
        return path;
      }, 1, "edited and sent again", body);
    },
  }, from);
}

for (const [id, act] of [["letters-retry", askRetryIds], ["letters-save", askSaveIds], ["letters-delete", askDeleteIds]])
  byId(id).addEventListener("click", () => act([...letters.picked], byId(id)));
for (const [id, act] of [["letter-retry", askRetryIds], ["letter-save", askSaveIds], ["letter-delete", askDeleteIds]])
  byId(id).addEventListener("click", () => act([letters.open.id], byId(id)));
byId("letter-edit").addEventListener("click", () => askEdit(letters.open, byId("letter-edit")));

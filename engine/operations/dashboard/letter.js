// One dead letter: its verdict, headers and body, as a JSON tree, as text or as bytes.
"use strict";

const mostNodes = 2000;  // of a tree
const mostBytes = 4096;  // of a hex dump

// Digits that a JavaScript number would change are kept, where the browser tells them.
class Digits {
  constructor(text) { this.text = text; }
}

// Returns [value], or nothing if the text is no JSON.
function parsedJson(text) {
  try {
    return [JSON.parse(text, (_, value, context) => (typeof value === "number" && context && context.source ? new Digits(context.source) : value))];
  } catch {
    return [];
  }
}

function leafOf(value) {
  if (value instanceof Digits) return make("span", "number", value.text);
  const kind = value === null ? "null" : typeof value;
  return make("span", kind, JSON.stringify(value));
}

// `left`: how many nodes may still be made.
function treeOf(name, value, left) {
  if (left.count-- <= 0) return make("li", "none", "\u2026");
  const label = name === null ? [] : [make("span", "member", name), ": "];
  const isList = Array.isArray(value);
  if (value === null || typeof value !== "object" || value instanceof Digits) return make("li", "", ...label, leafOf(value));
  const members = Object.entries(value);
  const size = members.length + (isList ? (members.length === 1 ? " item" : " items") : members.length === 1 ? " member" : " members");
  if (members.length === 0) return make("li", "", ...label, isList ? "[]" : "{}");
  const list = make("ul", "");
  for (const [key, one] of members) {
    if (left.count <= 0) {
      list.append(make("li", "none", "\u2026"));
      break;
    }
    list.append(treeOf(key, one, left));
  }
  const branch = make("details", "", make("summary", "", ...label, isList ? "[\u2026] " : "{\u2026} ", make("span", "quiet", size)), list);
  branch.open = true;
  return make("li", "", branch);
}

function bytesOf(base64) {
  const text = atob(base64);
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

// "00000000  7b 22 …  {"a"…"
function hexOf(all) {
  const lines = [];
  for (let at = 0; at < Math.min(all.length, mostBytes); at += 16) {
    const row = [...all.slice(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(at.toString(16).padStart(8, "0") + "  " + hex.padEnd(47) + "  " + text);
  }
  if (all.length > mostBytes) lines.push("\u2026 of " + count(all.length) + " bytes");
  return lines.join("\n");
}

function textBox(label, text) {
  const box = make("pre", "", text);
  box.setAttribute("tabindex", "0");
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", label);
  return box;
}

function folded(label, content) {
  return make("details", "", make("summary", "", label), content);
}

function bodyParts(letter) {
  if (letter.body_bytes === null) return [make("p", "quiet", "A tombstone: it has no body.")];
  if (letter.body_base64 !== undefined) return [textBox("Body, as bytes", hexOf(bytesOf(letter.body_base64)))];
  if (letter.body === "") return [make("p", "quiet", "The body is empty.")];
  const value = parsedJson(letter.body);
  const parts = [];
  if (value.length === 1 && value[0] !== null && typeof value[0] === "object" && !(value[0] instanceof Digits)) {
    parts.push(make("ul", "tree", treeOf(null, value[0], { count: mostNodes })), folded("As text", textBox("Body, as text", letter.body)));
  } else {
    parts.push(textBox("Body, as text", letter.body));
  }
  parts.push(folded("As bytes", textBox("Body, as bytes", hexOf(new TextEncoder().encode(letter.body.slice(0, mostBytes + 1))))));
  return parts;
}

// [name, value] of each header; the API has them as an object, or as a list if that would lose their order.
function headersOf(letter) {
  const shown = (value) => (value === null ? "(null)" : typeof value === "object" ? "base64: " + value.base64 : value);
  if (letter.headers === undefined) return [];
  const pairs = Array.isArray(letter.headers) ? letter.headers : Object.entries(letter.headers);
  return pairs.flatMap(([name, value]) => (Array.isArray(value) ? value.map((one) => [name, shown(one)]) : [[name, shown(value)]]));
}

function definitions(pairs) {
  return make("dl", "facts-of-letter", ...pairs.map(([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value))));
}

const isCut = (letter) => letter.body_bytes !== null && (letter.body ?? "").length > 0 && letter.body_bytes > 1048576;
const isEditable = (letter) => letter.body !== undefined && !isCut(letter);

// What `volley dlq show` prints.
function letterParts(letter) {
  const key = letter.key_base64 === undefined ? letter.key : "base64: " + letter.key_base64;
  const headers = headersOf(letter);
  return [
    definitions([...Object.entries(letter.verdict ?? {}), ...(key === undefined ? [] : [["key", key]])]),
    make("h4", "", "Headers"),
    headers.length > 0 ? definitions(headers) : make("p", "quiet", "It has no headers of its own."),
    make("h4", "", "Body" + (letter.body_bytes === null ? "" : ", " + bytes(letter.body_bytes))),
    ...(isCut(letter) ? [make("p", "warn", "Only its first MiB is shown.")] : []),
    ...bodyParts(letter),
  ];
}

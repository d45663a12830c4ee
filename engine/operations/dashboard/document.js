// Elements and figures. What comes from outside is only ever set as text.
"use strict";

const byId = (id) => document.getElementById(id);

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function makeButton(className, ...children) {
  const button = make("button", className, ...children);
  button.type = "button";
  return button;
}

function draw(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Change nothing that is already right, so that screen readers and selections are left alone.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function setClass(element, className) {
  if (element.className !== className) element.className = className;
}
function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// Keeps one child per item, by key, in the order of the items.
function keepChildren(parent, items, keyOf, create, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item, index) => {
    const key = String(keyOf(item, index));
    let child = known.get(key);
    known.delete(key);
    if (!child) {
      child = create(item);
      child.dataset.key = key;
    }
    update(child, item);
    return child;
  });
  for (const child of known.values()) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] || null);
  });
}

// A table. A column is [name, text of a row, class of the cell or a function that returns it]; in place of the text, {make, update}
// for the elements of a cell. The roles stay when a narrow window lays the cells of a row out below each other.
function keepTable(place, label, columns, rows, keyOf, whenEmpty) {
  if (!place.firstChild) {
    const heads = columns.map(([name]) => {
      const head = make("th", "", name);
      head.setAttribute("scope", "col");
      head.setAttribute("role", "columnheader");
      return head;
    });
    const row = make("tr", "", ...heads);
    const parts = [make("thead", "", row), make("tbody")];
    row.setAttribute("role", "row");
    for (const part of parts) part.setAttribute("role", "rowgroup");
    const table = make("table", "", ...parts);
    table.setAttribute("role", "table");
    table.setAttribute("aria-label", label);
    place.append(table, make("p", "none", whenEmpty));
  }
  const [table, none] = place.children;
  table.hidden = rows.length === 0;
  none.hidden = rows.length > 0;
  keepChildren(table.children[1], rows, keyOf,
    () => {
      const row = make("tr", "", ...columns.map(([name, text]) => {
        const cell = make("td", "", text.make ? text.make() : make("span"));
        cell.setAttribute("role", "cell");
        cell.dataset.label = name;
        return cell;
      }));
      row.setAttribute("role", "row");
      return row;
    },
    (row, item) => columns.forEach(([, text, className], i) => {
      if (text.make) {
        text.update(row.children[i].children[0], item);
        return setClass(row.children[i], className || "");
      }
      const shown = text(item);
      setText(row.children[i].children[0], shown);
      setClass(row.children[i], (typeof className === "function" ? className(item) : className || "") + (shown === "-" ? " blank" : ""));
    }));
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const count = (n) => (n === null || n === undefined ? "-" : whole.format(n));
const rate = (n) => (n > 0 && n < 0.05 ? "<0.1" : n > 0 && n < 10 ? n.toFixed(1) : whole.format(n)) + "/s";
const bytes = (n) => (n < 1024 ? n + " B" : n < 1048576 ? Math.round(n / 1024) + " KiB" : (n / 1048576).toFixed(1) + " MiB");
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
const dateAndTime = (seconds) => new Date(seconds * 1000).toLocaleString("sv-SE");

function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min" + (s < 600 && s % 60 ? " " + (s % 60) + " s" : "");
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor((s % 86400) / 3600) + " h";
}

// Of a call, from milliseconds to seconds. Histograms end at ten seconds.
function latency(seconds) {
  if (seconds === null || seconds === undefined) return "-";
  if (seconds >= 10) return "over 10 s";
  return seconds < 0.01 ? (seconds * 1000).toFixed(1) + " ms" : seconds < 1 ? Math.round(seconds * 1000) + " ms" : seconds.toFixed(1) + " s";
}

const cut = (text, most) => (text.length > most ? text.slice(0, Math.max(1, most - 1)) + "\u2026" : text);
const sum = (items, of) => items.reduce((total, item) => total + of(item), 0);

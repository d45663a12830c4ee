import { run } from "volley-handler";

function textOf(message) {
  try {
    return message.text;
  } catch {
    return "no text";
  }
}

await run((message, out) => {
  const hex = message.bytes && message.bytes.toString("hex");
  out.send("out", { text: textOf(message), hex, json: message.isJson, tombstone: message.tombstone });
});

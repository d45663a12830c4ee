import { run } from "volley-handler";

const where = `in ${process.env.VOLLEY_COMPONENT}`;
console.log("while it loads", where);

await run((message, out) => {
  console.log("by print", where);
  process.stdout.write(`by the stream ${where}\n`);
  out.send("out", message.body);
});

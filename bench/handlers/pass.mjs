import { run } from "volley-handler";

await run((message, out) => out.send("out", message.body));

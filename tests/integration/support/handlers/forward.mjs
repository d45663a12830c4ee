import { run } from "volley-handler";

await run(({ body, key, headers }, out) => out.send("out", body, { key, headers }));

import { run } from "volley-handler";

await run(({ body, headers }, out) => out.send("out", body, { headers: { ...headers, "seen-by": "tag" } }));

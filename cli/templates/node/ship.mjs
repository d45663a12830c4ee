// The program that volleyd starts.
import { handle } from "./handle.mjs";
import { run } from "./volley-handler.mjs";

await run(handle);

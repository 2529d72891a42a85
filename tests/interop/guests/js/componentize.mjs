// Makes dist/plugin.wasm of src/visitor-pass.js, with the toolchain's own settings: the component imports what
// WASI interfaces its runtime might use, and the gateway grants none of them.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { componentize } from "@bytecodealliance/componentize-js";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

const { component } = await componentize(await readFile(path("src/visitor-pass.js"), "utf8"), {
  sourceName: "visitor-pass.js",
  witPath: path("wit"),
  worldName: "visitor-pass",
});
await mkdir(path("dist"), { recursive: true });
await writeFile(path("dist/plugin.wasm"), component);

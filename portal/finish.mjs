// What `next build` leaves to whoever ships it: the static files stand beside the standalone server that answers with them.
import { cpSync, existsSync, rmSync, writeFileSync } from "node:fs";

const built = new URL(".next/", import.meta.url);
const ships = new URL("standalone/portal/.next/static/", built);
rmSync(ships, { recursive: true, force: true });
cpSync(new URL("static/", built), ships, { recursive: true });
if (!existsSync(new URL("standalone/portal/server.js", built))) throw new Error("next build made no standalone server");
// The stamp that `make` looks at.
writeFileSync(new URL("ready", built), "");

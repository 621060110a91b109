// Serve the harness with its photographs: node dev/serve.mjs [port] [folder of photographs]
import { context } from "esbuild";
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const here = new URL(".", import.meta.url).pathname;
const port = Number(process.argv[2] ?? 8765);
const photographs = process.argv[3] ?? ".";
const bundle = await context({
  entryPoints: [join(here, "harness.ts")], bundle: true, format: "esm", outdir: join(here, "../../.build/harness"),
  jsx: "automatic", jsxImportSource: "preact", write: true, sourcemap: "inline", logLevel: "warning",
});
const types = { html: "text/html", js: "text/javascript", css: "text/css", jpg: "image/jpeg" };
createServer(async (request, response) => {
  const name = new URL(request.url, "http://here").pathname.slice(1) || "harness.html";
  if (name === "harness.html") await bundle.rebuild();
  const path = [join(here, name), join(here, "../../.build/harness", name), join(photographs, name)].find(existsSync);
  if (!path) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": types[name.split(".").pop()] ?? "application/octet-stream" });
  createReadStream(path).pipe(response);
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/`));

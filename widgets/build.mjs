// Bundle each widget into one ES module (and its style sheet) under evalnb/widgets/static, and the annotator for other
// pages into dist/, which this package exports.
import { build, context } from "esbuild";
import { existsSync, mkdirSync } from "node:fs";

const out = new URL("../evalnb/widgets/static/", import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const widgets = ["annotator", "evaluation", "job"];
const options = {
  entryPoints: Object.fromEntries(
    widgets
      .map((name) => [name, new URL(`src/${name}/index.tsx`, import.meta.url).pathname])
      .filter(([, path]) => existsSync(path)),
  ),
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: !process.argv.includes("--watch"),
  jsx: "automatic",
  jsxImportSource: "preact",
  loader: { ".css": "css" },
  logLevel: "info",
};
const embed = {
  ...options,
  entryPoints: { embed: new URL("src/annotator/embed.ts", import.meta.url).pathname },
  outdir: new URL("dist/", import.meta.url).pathname,
};
for (const bundle of [options, embed]) {
  if (process.argv.includes("--watch")) await (await context(bundle)).watch();
  else await build(bundle);
}

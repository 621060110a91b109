import { expect, test } from "vitest";
import { keyGroups } from "../editor/keys";
import page from "../../../docs/annotate.md?raw";

test("the manual names every key and says what the key sheet says", () => {
  for (const { bindings } of keyGroups) {
    for (const { shown, about } of bindings) if (shown) expect(page).toContain(`| \`${shown}\` | ${about} |`);
  }
});

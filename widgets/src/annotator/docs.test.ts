import { expect, test } from "vitest";
import { KeyMap, commandGroups } from "../editor/keys";
import page from "../../../docs/annotate.md?raw";

test("the manual names every command with its key, as the key sheet does", () => {
  const map = new KeyMap();
  for (const { commands } of commandGroups) {
    for (const { command, about, row } of commands) {
      if (row === null) continue;
      // What has no key is found by its name.
      const shown = row?.shown ?? map.shown(command);
      const line = shown ? `| \`${shown}\` | ${row?.about ?? about} |` : `*${about}*`;
      if (!page.includes(line)) expect(page).toContain(line);
    }
  }
});

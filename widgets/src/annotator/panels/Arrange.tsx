// What can be done with several shapes at once; there while more than one is selected.
import type { Command } from "../../editor/keys";
import { infoOf } from "../../editor/keys";
import { perform } from "../commands";
import type { Session } from "../session";
import { Icon, type IconName } from "./icons";

const buttons: readonly (readonly [Command, IconName])[] = [
  ["align.left", "alignLeft"], ["align.center", "alignCenter"], ["align.right", "alignRight"],
  ["align.top", "alignTop"], ["align.middle", "alignMiddle"], ["align.bottom", "alignBottom"],
  ["distribute.horizontal", "evenAcross"], ["distribute.vertical", "evenDown"], ["group", "group"],
  ["front", "front"], ["rear", "rear"], ["duplicate", "copy"], ["delete", "bin"],
];

export function Arrange({ session }: { session: Session }) {
  const count = session.selectedIds.value.length;
  if (count < 2 || session.editor.readOnly) return null;
  const keys = session.preferences.keys.value;
  return (
    <div class="evalnb-arrange" role="toolbar" aria-label="Arrange">
      <strong>{count.toLocaleString("en")}</strong>
      {buttons.map(([command, icon]) => (
        <button
          key={command} type="button" class="evalnb-button" aria-label={infoOf(command).about} data-tip={infoOf(command).about}
          data-key={keys.shown(command) || undefined} data-place="below" onClick={() => perform(command, session, { big: false, leave: () => undefined })}
        >
          <Icon name={icon} />
        </button>
      ))}
    </div>
  );
}

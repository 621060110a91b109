// The tools, each with its key.
import { toolLabels } from "../../editor/tools";
import { infoOf } from "../../editor/keys";
import type { ToolName } from "../../editor/tools/tool";
import type { Session } from "../session";
import { Icon } from "./icons";

const tools = Object.entries(toolLabels) as [ToolName, string][];

export function ToolStrip({ session }: { session: Session }) {
  const hello = session.hello.value;
  return (
    <nav class="evalnb-strip" inert={session.phase.value.kind !== "ready"} role="toolbar" aria-label="Tools" aria-orientation="vertical">
      {tools.map(([name, label]) => {
        const asks = name === "sam" || name === "everything";
        const missing = asks && !hello?.segmenter;
        const disabled = missing || (name !== "select" && (hello?.read_only ?? true));
        // Help beside a loaded segmenter is for who wants a better one: the model in the wheel is a demonstration.
        const wand = [`${label} (${hello?.segmenter})`, hello?.segmenter_help].filter(Boolean).join(". ");
        const tip = missing ? hello?.segmenter_help || "No segmenter is loaded" : asks ? wand : label;
        return (
          <button
            key={name} type="button" class="evalnb-button evalnb-tool" data-tool={name} aria-label={tip} data-tip={tip}
            data-key={missing ? undefined : session.preferences.keys.value.shown(`tool.${name}`)} data-place="right" aria-pressed={session.tool.value === name}
            // Not `disabled`: the help on how to get a segmenter must be reachable.
            aria-disabled={disabled} onClick={() => (missing ? session.segment(name as "sam" | "everything") : !disabled && session.editor.use(name))}
          >
            <Icon name={name} />
          </button>
        );
      })}
      <button
        type="button" class="evalnb-button evalnb-tool evalnb-last" aria-label={infoOf("snap").about} data-tip={infoOf("snap").about} data-place="right"
        data-key={session.preferences.keys.value.shown("snap")} aria-pressed={session.preferences.snap.value} aria-disabled={hello?.read_only ?? true}
        onClick={() => (session.preferences.snap.value = !session.preferences.snap.value)}
      >
        <Icon name="magnet" />
      </button>
    </nav>
  );
}

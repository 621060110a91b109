// The annotator's frame: bar, tools, canvas, panel, hint.
import { useEffect, useRef, useState } from "preact/hooks";
import { listenToPointer } from "../../render/pointer";
import { perform } from "../commands";
import type { Session } from "../session";
import { Arrange } from "./Arrange";
import { Attributes } from "./Attributes";
import { ClassPicker } from "./ClassPicker";
import { ConvertBar } from "./ConvertBar";
import { Copied } from "./Copied";
import { Display } from "./Display";
import { FollowPill } from "./FollowPill";
import { KeySheet } from "./KeySheet";
import { Curtain, HintLine, Notices, SegmenterPill } from "./Messages";
import { Minimap } from "./Minimap";
import { Mistakes } from "./Mistakes";
import { OverlayPanel } from "./OverlayPanel";
import { Palette } from "./Palette";
import { Propagate } from "./Propagate";
import { Past, Pins, Review } from "./Review";
import { ShapeList } from "./ShapeList";
import { SweepBar, SweepPill } from "./SweepBar";
import { TagDialog, Tags } from "./Tags";
import { Timeline } from "./Timeline";
import { ToolStrip } from "./ToolStrip";
import { TopBar } from "./TopBar";
import { TrackPanel } from "./TrackPanel";
import { WandBar } from "./WandBar";
import { Window } from "./Window";

function StageHost({ session, root }: { session: Session; root: HTMLElement }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    host.current?.append(session.stage.element);
    return listenToPointer(session.stage.element, session.editor, {
      has: () => root.contains(root.ownerDocument.activeElement),
      take: () => {
        session.playback.stop();
        root.focus({ preventScroll: true });
      },
      tap: () => {
        const command = session.preferences.keys.value.commandFor({ key: " ", ctrl: false, shift: false, alt: false });
        if (command && session.phase.value.kind === "ready" && !session.dialog.value) perform(command, session, { big: false, leave: () => undefined });
      },
    });
  }, [session]);
  return <div class="evalnb-stage-host" ref={host} role="application" aria-label="Image canvas" data-state={session.toolState.value} />;
}

export function App({ session, root }: { session: Session; root: HTMLElement }) {
  const [panelShown, setPanelShown] = useState(true);
  return (
    <>
      <TopBar session={session} panelShown={panelShown} togglePanel={() => setPanelShown(!panelShown)} />
      <div class="evalnb-main" data-panel={panelShown}>
        <ToolStrip session={session} />
        <div class="evalnb-middle">
          <WandBar session={session} />
          <SweepBar session={session} />
          <div class="evalnb-canvas">
            <StageHost session={session} root={root} />
            <Curtain session={session} />
            <SegmenterPill session={session} />
            <SweepPill session={session} />
            <Copied session={session} />
            <FollowPill session={session} />
            {!session.converting.asked.value && <Arrange session={session} />}
            <ConvertBar session={session} />
            <Pins session={session} />
            <Minimap session={session} />
            <Notices session={session} />
          </div>
          <Timeline session={session} root={root} />
        </div>
        {panelShown && session.hello.value && (
          <aside class="evalnb-side" inert={session.phase.value.kind !== "ready"}>
            <ClassPicker session={session} />
            <Attributes session={session} />
            <TrackPanel session={session} />
            <Tags session={session} />
            <OverlayPanel session={session} />
            <Mistakes session={session} />
            <Review session={session} />
            <Past session={session} />
            <Window session={session} />
            <Display session={session} />
            <ShapeList session={session} />
          </aside>
        )}
      </div>
      <HintLine session={session} />
      <KeySheet session={session} />
      <Palette session={session} />
      <Propagate session={session} />
      <TagDialog session={session} />
    </>
  );
}

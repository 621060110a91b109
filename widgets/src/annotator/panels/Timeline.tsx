// Below the canvas, of a sequence: play, where we are in it, and where the selected track is keyed and out of sight.
import type { Session } from "../session";
import type { Span } from "../timeline";
import { Button } from "./TopBar";

/** 75.25 is "1:15.25". */
export function clock(seconds: number): string {
  const hundredths = Math.round(100 * seconds);
  const [minutes, rest] = [Math.floor(hundredths / 6000), hundredths % 6000];
  return `${minutes}:${(rest / 100).toFixed(2).padStart(5, "0")}`;
}

function Marks({ session, span }: { session: Session; span: Span }) {
  const marks = session.timeline.marks.value;
  if (!marks) return null;
  // As the slider has it: the first image at its left end, the last one at its right.
  const share = (place: number): string => `${(100 * Math.min(Math.max(place - span.first, 0), span.last - span.first)) / Math.max(span.last - span.first, 1)}%`;
  return (
    <div class="evalnb-marks" aria-hidden="true">
      {marks.runs.map(({ from, to, kind }) => (
        <i key={from} data-kind={kind} style={{ left: share(from - 0.5), right: `calc(100% - ${share(to - 0.5)})` }} />
      ))}
      {marks.keys.filter((place) => place >= span.first && place <= span.last).map((place) => <b key={place} style={{ left: share(place) }} />)}
    </div>
  );
}

export function Timeline({ session, root }: { session: Session; root: HTMLElement }) {
  const span = session.timeline.span.value;
  if (!span || session.phase.value.kind !== "ready") return null;
  const { playback, viewer } = session;
  const playing = session.playing.value;
  const image = session.image.value;
  const video = image?.video;
  const place = session.index.value;
  const marks = session.timeline.marks.value;
  const where = video ? `frame ${video.frame.toLocaleString("en")}, ${clock(video.time_s)}` : `image ${(place + 1).toLocaleString("en")}`;
  const keyed = marks?.keys.includes(place) ? ", keyframe" : "";
  return (
    <div class="evalnb-timeline" role="group" aria-label="Timeline" data-playing={playing} data-keys={marks?.keys.length ?? 0}>
      <Button
        icon={playing ? "stop" : "play"} label={playing ? "Stop" : "Play"} keys={session.preferences.keys.value.shown("play")}
        disabled={span.last === span.first} onClick={() => void playback.toggle()} tip="above"
      />
      <div class="evalnb-reel">
        <Marks session={session} span={span} />
        <input
          type="range" aria-label={video ? "Frame of the video" : "Image of the sequence"} min={span.first} max={Math.max(span.last, span.first + 1)} step={1} value={place}
          aria-valuetext={where + keyed} disabled={span.last === span.first}
          onInput={(event) => {
            playback.stop();
            void viewer.goTo(Number(event.currentTarget.value));
          }}
          onPointerUp={() => root.focus({ preventScroll: true })}
        />
      </div>
      <span class="evalnb-clock">
        {video ? <>{clock(video.time_s)} <em>/ {clock(span.endSeconds)}</em> <em>frame</em> {video.frame.toLocaleString("en")}</> : <>{(place + 1).toLocaleString("en")} <em>/ {(span.last + 1).toLocaleString("en")}</em></>}
      </span>
    </div>
  );
}

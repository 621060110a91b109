// The widget's frame: numbers, controls, figures, and the strip of images.
import { Classes } from "./Classes";
import { Controls } from "./Controls";
import { ConfusionMatrix } from "./ConfusionMatrix";
import { Curve } from "./Curve";
import { Scores, Sizes } from "./Histograms";
import { Numbers } from "./Numbers";
import { plural } from "./query";
import type { Session } from "./session";
import { Strip } from "./Strip";

function Curtain({ session }: { session: Session }) {
  const phase = session.phase.value;
  switch (phase.kind) {
    case "ready":
      return null;
    case "waiting":
      return <p class="curtain">Waiting for the kernel …</p>;
    case "gone":
      return <p class="curtain">The kernel has ended. Run the cell again to go on.</p>;
    case "failed":
      return <p class="curtain bad">{phase.happened}<br />{phase.remedy}</p>;
  }
}

function Heading({ session }: { session: Session }) {
  const hello = session.hello.value;
  const figures = session.figures.value;
  if (!hello) return null;
  return (
    <header>
      <b>Evaluation · {hello.kind}</b>
      <span>{hello.title}</span>
      {hello.problem_count > 0 && (
        <span class="unusable" title={hello.problems.join("\n")}>{plural(hello.problem_count, "row")} could not be used</span>
      )}
      {figures && (
        <span class="counts">
          {figures.images < hello.image_count && `${figures.images.toLocaleString("en")} of them shown · `}
          {plural(figures.truths, "truth")} · {plural(figures.detections, "detection")}
        </span>
      )}
    </header>
  );
}

function Problem({ session }: { session: Session }) {
  if (session.problem.value === null) return null;
  return (
    <p class="problem" role="alert">
      {session.problem.value}
      <button type="button" aria-label="Dismiss" onClick={() => (session.problem.value = null)}>×</button>
    </p>
  );
}

/** Reads only what changes rarely: every figure follows its own signals. */
export function App({ session }: { session: Session }) {
  const ready = session.ready.value;
  return (
    <div class="frame" data-ready={ready}>
      <Curtain session={session} />
      <Heading session={session} />
      {ready && (
        <>
          <Numbers session={session} />
          <Controls session={session} />
          <div class="figures">
            <Classes session={session} />
            <Curve session={session} />
            <Scores session={session} />
            <Sizes session={session} />
            <ConfusionMatrix session={session} />
          </div>
          <Strip session={session} />
        </>
      )}
      <Problem session={session} />
    </div>
  );
}

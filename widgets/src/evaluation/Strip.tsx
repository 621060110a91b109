// The images behind a mark, their boxes over them; a click opens one.
import type { Picture } from "./decode";
import { caption, plural } from "./query";
import type { Session } from "./session";

function Boxes({ picture }: { picture: Picture }) {
  if (!picture.width || !picture.height) return null;
  const anyMarked = picture.boxes.some((box) => box.marked);
  return (
    <svg viewBox={`0 0 ${picture.width} ${picture.height}`} preserveAspectRatio="xMidYMid meet" aria-hidden="true">
      {picture.boxes.map((box, n) => (
        <rect
          key={n} class={`${box.kind}${box.marked ? " marked" : anyMarked ? " faint" : ""}`} vector-effect="non-scaling-stroke"
          x={box.x} y={box.y} width={box.w} height={box.h}
        />
      ))}
    </svg>
  );
}

function Card({ session, picture, counted }: { session: Session; picture: Picture; counted: boolean }) {
  const url = session.thumbs.value.get(picture.id);
  const told = `${picture.name}: ${plural(picture.hits, "hit")}, ${plural(picture.ghosts, "ghost")}, ${picture.misses} missed, F1 ${picture.f1.toFixed(2)}`;
  return (
    <button
      type="button" class="card" title={told} aria-label={told} data-image={picture.id} aria-pressed={session.opened.value === picture.id}
      onClick={() => void session.open(picture.id)}
    >
      <span class="picture">
        {url ? <img src={url} alt="" /> : <span class="blank">{session.hello.value?.pictures ? "" : picture.name}</span>}
        {url && <Boxes picture={picture} />}
      </span>
      <span class="about">
        <span class="file">{picture.name}</span>
        <span class="tally">
          {counted && <b>{picture.count.toLocaleString("en")}×</b>}
          <i class="hit">{picture.hits}</i><i class="ghost">{picture.ghosts}</i><i class="miss">{picture.misses}</i>
        </span>
      </span>
    </button>
  );
}

export function Strip({ session }: { session: Session }) {
  const { value: total } = session.total;
  const mark = session.mark.value;
  const pictures = session.pictures.value;
  return (
    <section class="strip" aria-label="Images" data-stale={session.waiting}>
      <h3>
        {caption(mark, (id) => session.name(id))}
        <small>{total === null ? "…" : plural(total, "image")}</small>
        {mark.mark !== "worst" && <button type="button" class="link" onClick={() => session.behind({ mark: "worst" })}>Worst images</button>}
        <span class="legend">
          <span class="key good">hit</span><span class="key bad">ghost</span><span class="key lost">missed</span>
        </span>
      </h3>
      {total === 0 ? (
        <p class="empty">No image has any of it.</p>
      ) : (
        <div class="cards">
          {pictures.map((picture) => <Card key={picture.id} session={session} picture={picture} counted={mark.mark !== "worst"} />)}
          {total !== null && total > pictures.length && (
            <button type="button" class="more" onClick={() => session.more()}>{(total - pictures.length).toLocaleString("en")} more</button>
          )}
        </div>
      )}
    </section>
  );
}

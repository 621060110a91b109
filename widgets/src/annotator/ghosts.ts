// Shapes drawn beside those that are: other people's versions of contested outlines, and what a conversion would make.
import { effect } from "@preact/signals";
import type { Shape } from "../editor/records";
import type { Conflict } from "./documents";
import type { Session } from "./session";

export function showGhosts(session: Session): () => void {
  return effect(() => {
    const imageId = session.image.value?.id;
    const contested = session.notices.value.flatMap(({ conflict }) => (conflict && conflict.imageId === imageId ? theirs(session, conflict) : []));
    session.stage.ghosts = [...contested, ...(session.converting.result.value?.changed ?? [])];
  });
}

function theirs({ editor }: Session, { shapeId, theirs }: Conflict): Shape[] {
  const shape = editor.document?.store.get(shapeId);
  return shape && theirs?.geometry ? [{ ...shape, geometry: theirs.geometry }] : [];
}

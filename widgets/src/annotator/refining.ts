// The wand at work on shapes that are there: one that is selected as the prompt of its own better outline, and the masks
// of all boxes.
import { encloses } from "../editor/ops/combine";
import type { Shape } from "../editor/records";
import type { Session } from "./session";

/** The most boxes of one image that are asked about at once. */
const boxesMost = 500;

/** The shape that is meant: the one selected last, or that was as the wand was taken up, else what the pointer is on. */
function meant({ editor }: Session): Shape | null {
  const store = editor.document?.store;
  const offered = editor.sam.offered === null ? undefined : store?.get(editor.sam.offered);
  return editor.selected ?? offered ?? (editor.tool === editor.sam && editor.pointerAt ? editor.hit(editor.pointerAt) : null);
}

/** Take up the wand with a shape as its prompt: clicks correct it, Enter gives the shape the outline that is shown. */
export function refine(session: Session): boolean {
  const { editor, hello } = session;
  if (editor.readOnly) return false;
  const shape = meant(session);
  if (!shape) session.tell("No shape is selected to refine", "select a box, an ellipse, a polygon or a mask");
  else if (!encloses(shape.geometry)) session.tell("A line or points enclose nothing to refine", "select a box, an ellipse, a polygon or a mask");
  else if (editor.isLocked(shape.id)) session.tell("The shape is locked", "unlock it first");
  else if (!hello.value?.segmenter) session.segment("sam");
  else {
    editor.use("sam");
    editor.sam.refine(shape);
    editor.repaint();
  }
  return true;
}

/** Draw the masks of the selected boxes, or of all that are shown: a layer to look through, as everything's is. */
export function maskBoxes(session: Session): boolean {
  const { editor, hello } = session;
  if (editor.readOnly) return false;
  const isBox = ({ geometry, crowd }: Shape): boolean => geometry.kind === "box" && !crowd;
  const all = [...(editor.document?.store.all() ?? [])].filter((one) => editor.isWithinReach(one));
  const chosen = editor.editable.filter(isBox);
  const boxes = chosen.length ? chosen : all.filter(isBox);
  if (!boxes.length) session.tell("There is no box on the image to draw a mask in", "crowds and locked shapes are left alone");
  else if (!hello.value?.segmenter) session.segment("everything");
  else {
    if (boxes.length > boxesMost) session.tell(`Only the first ${boxesMost} of ${boxes.length.toLocaleString("en")} boxes are looked at`, "select others after these");
    void session.wand.sweeping.boxes(boxes.slice(0, boxesMost));
  }
  return true;
}

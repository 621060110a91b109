// From the store's diffs to the ops that the kernel applies.
import { isEmpty, type Op, patchBetween, whole } from "../editor/records";
import type { Diff, TagDiff } from "../editor/store";
import { idOf, stepHead } from "./spanning";

/** Stands for a shape's id where an op is of the image itself. */
export const wholeImage = "00000000-0000-0000-0000-000000000000";

/**
 * Ids for the ops of one step: alike in their first 64 bits, by which the log knows it again. Of version 8 where the step
 * goes back or forth, which says that it is no new one.
 */
export function stepIds(newId: () => string, replayed: boolean, head = stepHead(replayed, newId)): () => string {
  return () => idOf(head, newId);
}

/** One op for each tag that was set or taken away. */
export function tagOpsOf(tags: TagDiff, newId: () => string): Omit<Op, "base_rev">[] {
  return [...tags].map(([name, on]) => ({ client_op_id: newId(), shape_id: wholeImage, action: on ? "tag" : "untag", patch: { tags: [name] } }));
}

/**
 * One op for each changed shape. `known` holds the ids that the kernel has heard of: a shape that comes back under
 * such an id is restored, not created again.
 */
export function opsOf(diff: Diff, known: ReadonlySet<string>, newId: () => string): Omit<Op, "base_rev">[] {
  const ops: Omit<Op, "base_rev">[] = [];
  for (const [shape_id, { before, after }] of diff) {
    const client_op_id = newId();
    if (!after) ops.push({ client_op_id, shape_id, action: "delete" });
    else if (!before) {
      const action = known.has(shape_id) ? "restore" : "create";
      ops.push(action === "create" ? { client_op_id, shape_id, action, patch: whole(after) } : { client_op_id, shape_id, action });
    } else {
      const patch = patchBetween(before, after);
      if (!isEmpty(patch)) ops.push({ client_op_id, shape_id, action: "update", patch });
    }
  }
  return ops;
}

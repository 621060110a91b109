// For tests: a kernel that keeps shapes as edits.apply does (revisions, idempotent ops, conflicts), and a browser's shelf.
import type { Carrier, Life } from "../bridges/transport";
import { newShape } from "../editor/records";
import type { ApplyReply, Op, OpResult, Shape, ShapesReply } from "../wire.gen";
import type { Shelf } from "./keepsake";

export class Kernel implements Carrier {
  shapes = new Map<string, Shape>();
  tags = new Set<string>();
  seen = new Map<string, OpResult>();
  seq = 0;
  batches: Op[][] = [];
  /** mute: takes ops and says nothing. deaf: loses them. failing: refuses with this status. */
  mood: "well" | "mute" | "deaf" | number = "well";
  #receive: (message: unknown, buffers: DataView[]) => void = () => undefined;
  #held: (() => void)[] | null = null;
  #end: (life: Life) => void = () => undefined;

  send(message: object): void {
    const { id, ops, image_id } = message as { id: number; ops: Op[]; image_id: number };
    if (this.mood === "deaf") return;
    if (typeof this.mood === "number") {
      const error = { kind: "Unavailable", happened: "it failed", remedy: "try again", status: this.mood };
      return queueMicrotask(() => this.#receive({ id, error }, []));
    }
    this.batches.push(ops);
    const results = ops.map((op) => this.apply(op));
    const ok: ApplyReply = { image_id, seq: this.seq, results };
    if (this.mood === "mute") return;
    const answer = (): void => this.#receive({ id, ok }, []);
    if (this.#held) this.#held.push(answer);
    else queueMicrotask(answer);
  }
  listen(receive: (message: unknown, buffers: DataView[]) => void): () => void {
    this.#receive = receive;
    return () => (this.#receive = () => undefined);
  }
  onLife(tell: (life: Life) => void): () => void {
    this.#end = tell;
    return () => undefined;
  }
  end = (): void => this.#end("gone");
  hold(): void {
    this.#held = [];
  }
  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const answer of held) answer();
  }
  apply(op: Op): OpResult {
    const before = this.seen.get(op.client_op_id);
    if (before) return { ...before, status: "duplicate" };
    if (op.action === "tag" || op.action === "untag") {
      const [name] = op.patch!.tags!;
      const done: OpResult = { client_op_id: op.client_op_id, status: this.tags.has(name!) === (op.action === "tag") ? "duplicate" : "applied", shape: null, reason: "", conflicts: [], theirs: null };
      if (done.status === "applied") this.seq++;
      if (op.action === "tag") this.tags.add(name!);
      else this.tags.delete(name!);
      this.seen.set(op.client_op_id, done);
      return done;
    }
    const was = this.shapes.get(op.shape_id);
    const now = { ...(was ?? newShape(op.shape_id, 0, { kind: "box", box: [0, 0, 0, 0] })), ...op.patch, rev: (was?.rev ?? 0) + 1, deleted: op.action === "delete" } as Shape;
    this.shapes.set(op.shape_id, now);
    this.seq++;
    const conflict = was !== undefined && was.rev !== op.base_rev;
    const result: OpResult = {
      client_op_id: op.client_op_id, status: conflict ? "conflict" : "applied", shape: now, reason: "",
      conflicts: conflict ? Object.keys(op.patch ?? {}) : [], theirs: conflict ? { geometry: was.geometry } : null,
    };
    this.seen.set(op.client_op_id, result);
    return result;
  }
  reply(): ShapesReply {
    return { image_id: 1, seq: this.seq, shapes: [...this.shapes.values()].filter((shape) => !shape.deleted), tags: [...this.tags] };
  }
}

export class Drawer implements Shelf {
  held = new Map<string, string>();
  get length(): number {
    return this.held.size;
  }
  key = (index: number): string | null => [...this.held.keys()][index] ?? null;
  getItem = (key: string): string | null => this.held.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.held.set(key, value);
  removeItem = (key: string): void => void this.held.delete(key);
}

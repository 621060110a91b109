// The buffers of the kernel's replies as typed arrays.
import type { DetailReply, FiguresReply, ImageItem, ImagesReply } from "../wire.gen";

export interface ClassRow {
  readonly ap: number;
  readonly ap50: number;
  readonly ar: number;
  readonly truths: number;
  readonly detections: number;
  /** Without the query. */
  readonly whole: number;
  /** Whether the query leaves it in. */
  readonly shown: boolean;
}

export interface Figures extends FiguresReply {
  readonly classes: readonly ClassRow[];
  /** Precision at 101 recalls: of all classes, then of `curve_classes`. */
  readonly curves: readonly Float32Array[];
  readonly scores: { readonly hits: Int32Array; readonly ghosts: Int32Array };
  readonly sizes: { readonly found: Int32Array; readonly missed: Int32Array };
}

export interface Confusion extends DetailReply {
  /** A row and a column for each class, one for the others where there are such, and the background. */
  readonly side: number;
  readonly counts: Int32Array;
}

export type BoxKind = "hit" | "ghost" | "miss";

export interface MarkedBox {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
  readonly kind: BoxKind;
  readonly marked: boolean;
}

export interface Picture extends ImageItem {
  readonly boxes: readonly MarkedBox[];
}

const recalls = 101;
const kinds: readonly BoxKind[] = ["hit", "ghost", "miss"];
const markedBit = 4;

export function figures(reply: FiguresReply, buffers: readonly DataView[]): Figures {
  const perClass = floats(buffers[0]);
  const whole = floats(buffers[1]);
  const curves = floats(buffers[2]);
  const [hits, ghosts] = halves(ints(buffers[3]));
  const [found, missed] = halves(ints(buffers[4]));
  const at = (row: number, column: number): number => perClass[5 * row + column] ?? NaN;
  return {
    ...reply,
    classes: Array.from(whole, (value, row) => ({
      ap: at(row, 0), ap50: at(row, 1), ar: at(row, 2), truths: at(row, 3), detections: at(row, 4), whole: value, shown: !Number.isNaN(at(row, 3)),
    })),
    curves: Array.from({ length: curves.length / recalls }, (_, n) => curves.subarray(n * recalls, (n + 1) * recalls)),
    scores: { hits, ghosts },
    sizes: { found, missed },
  };
}

export function confusion(reply: DetailReply, buffers: readonly DataView[]): Confusion {
  const counts = ints(buffers[0]);
  return { ...reply, counts, side: Math.round(Math.sqrt(counts.length)) };
}

export function pictures(reply: ImagesReply, buffers: readonly DataView[]): Picture[] {
  const start = ints(buffers[0]);
  const box = floats(buffers[1]);
  const what = new Uint8Array(copied(buffers[2]));
  return reply.images.map((image, n) => {
    const boxes: MarkedBox[] = [];
    for (let i = start[n] ?? 0; i < (start[n + 1] ?? 0); i++) {
      const code = what[i] ?? 0;
      const [x = 0, y = 0, w = 0, h = 0] = box.subarray(4 * i, 4 * i + 4);
      boxes.push({ x, y, w, h, kind: kinds[code % markedBit] ?? "hit", marked: code >= markedBit });
    }
    return { ...image, boxes };
  });
}

function halves(values: Int32Array): [Int32Array, Int32Array] {
  return [values.subarray(0, values.length / 2), values.subarray(values.length / 2)];
}

function floats(view: DataView | undefined): Float32Array {
  return new Float32Array(copied(view));
}

function ints(view: DataView | undefined): Int32Array {
  return new Int32Array(copied(view));
}

/** A comm's buffer may start at any byte; typed arrays want aligned ones. */
function copied(view: DataView | undefined): ArrayBuffer {
  return view ? (view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer) : new ArrayBuffer(0);
}

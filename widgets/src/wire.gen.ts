// Generated from evalnb/wire by `make generate`. Do not edit.

export type AnnotatorAsk = HelloAsk | ByeAsk | PageAsk | LocateAsk | ImageAsk | TilesAsk | ShapesAsk | WatchAsk | PredictionsAsk | VerdictsAsk | MistakeAsk | ApplyAsk | RestoreAsk | PastAsk | TrackAsk | SequenceAsk | StepsAsk | StepAsk | ReviewAsk | ReviewSetAsk | CommentAsk | ResolveAsk | PrepareAsk | SegmentAsk | HoverAsk | EverythingAsk | BoxMasksAsk | FollowAsk | StopAsk;

export type AnnotatorPush = ChangedPush | EncodingPush | SweepPush | GotoPush | WelcomePush | EditsPush | PresencePush | ReviewedPush;

export type AreaName = "all" | "small" | "medium" | "large";

export type Mark = WorstMark | ClassMark | CellMark | ScoresMark | SizesMark;

export type EvaluationAsk = EvaluationHelloAsk | EvaluationByeAsk | FiguresAsk | DetailAsk | ImagesAsk | ThumbAsk | OpenAsk;

export type Box = [number, number, number, number];

export type Geometry = BoxGeometry | RotatedGeometry | PolygonGeometry | PolylineGeometry | PointsGeometry | EllipseGeometry | MaskGeometry | KeypointsGeometry;

export type Status = "todo" | "doing" | "review" | "accepted" | "rejected";

export type Place = [number, number, number];

/** An EvalnbError on the wire. */
export interface Refusal {
  kind: string;
  happened: string;
  remedy: string;
  status: number;
}

/** What a person is asked for about a shape of a class. */
export interface AttributeInfo {
  name: string;
  kind: "select" | "number" | "text" | "checkbox";
  choices: string[];
  default: string | number | boolean | null;
  low: number | null;
  high: number | null;
}

/** One class as the picker shows it. */
export interface ClassInfo {
  id: number;
  name: string;
  color: string;
}

/** A class with what else the canvas asks about its shapes. */
export interface LabelInfo {
  id: number;
  name: string;
  color: string;
  keypoints: string[];
  skeleton: [number, number][];
  attributes: AttributeInfo[];
}

/** A prediction run that can be overlaid. */
export interface RunInfo {
  id: number;
  name: string;
}

/** The images to step through: those that meet every condition. */
export interface SliceAsk {
  tags?: string[];
  classes?: string[];
  text?: string;
}

/** Sent once a view has rendered; nothing is pushed before it. */
export interface HelloAsk {
  ask: "hello";
  view: string;
  image_id?: number;
  part?: SliceAsk;
}

/** All the canvas needs to begin. */
export interface HelloReply {
  dataset: string;
  image_count: number;
  start: ImageRef | null;
  classes: LabelInfo[];
  tags: string[];
  runs: RunInfo[];
  segmenter: string | null;
  segmenter_help: string;
  read_only: boolean;
  scope: string;
  link: string;
}

/** Sent when a view goes away; after the last one nothing is pushed. */
export interface ByeAsk {
  ask: "bye";
  view: string;
}

/** Nothing more to say. */
export interface ByeReply extends Record<string, never> {}

/** The images at places ``first`` … ``first + count - 1``. */
export interface PageAsk {
  ask: "page";
  first: number;
  count: number;
}

/** Those that exist. */
export interface PageReply {
  images: ImageRef[];
}

/** The annotations of an image. */
export interface ShapesAsk {
  ask: "shapes";
  image_id: number;
}

/** All that are not deleted, the image's tags, and the sequence number they stand at. */
export interface ShapesReply {
  image_id: number;
  seq: number;
  shapes: Shape[];
  tags: string[];
}

/** One run's predictions on an image. */
export interface PredictionsAsk {
  ask: "predictions";
  image_id: number;
  run_id: number;
}

/** Buffers: boxes (n, 4) float32 x y w h, scores (n,) float32, class ids (n,) int32. ``rles`` for masks. */
export interface PredictionsReply {
  image_id: number;
  run_id: number;
  count: number;
  rles: string[] | null;
}

/**
 * What became of a run's predictions on an image, and of its shapes, at an IoU: by the evaluation's own rules, of
 * the truth as it stands.
 */
export interface VerdictsAsk {
  ask: "verdicts";
  image_id: number;
  run_id: number;
  iou: number;
}

/**
 * Of n predictions, in the order of ``PredictionsReply``, and t shapes. Buffers:
 *
 * outcome (n,) uint8: 0 uncounted, 1 true positive, 2 false positive, 3 ignored; error (n,) uint8: a place in
 * ``errors``, else 255; shape (n,) int32: a place in ``shapes``, that on which it lies, or -1; overlap (n,) float32;
 * finder (t,) int32: a prediction, or -1; counts (t,) uint8: 0 for a crowd, which need not be found.
 */
export interface VerdictsReply {
  image_id: number;
  run_id: number;
  iou: number;
  kind: "bbox" | "segm";
  covered: boolean;
  seq: number;
  shapes: string[];
  errors: string[];
}

/** The nearest image beyond a place of the slice on which the run, at this IoU and confidence, makes a mistake. */
export interface MistakeAsk {
  ask: "mistake";
  index: number;
  run_id: number;
  iou: number;
  confidence: number;
  forward?: boolean;
}

/** None: there is none on that side. */
export interface MistakeReply {
  image: ImageRef | null;
  looked: number;
}

/** Ops on one image, in order. */
export interface ApplyAsk {
  ask: "apply";
  image_id: number;
  ops: Op[];
}

/** Sent after the commit: what it says is saved, is saved. */
export interface ApplyReply {
  image_id: number;
  seq: number;
  results: OpResult[];
}

/** Somebody else edited the image; ask for its shapes. */
export interface ChangedPush {
  push: "changed";
  image_id: number;
  seq: number;
}

/** The kernel asks the canvas to show an image. */
export interface GotoPush {
  push: "goto";
  image: ImageRef;
}

/** What is looked at: ``Evaluation.where`` with these, and the IoU of the figures that have one. */
export interface EvaluationQuery {
  confidence?: number;
  iou?: number;
  area?: AreaName;
  classes?: number[];
  tags?: string[];
}

/** A tag, and how many images bear it. */
export interface TagInfo {
  name: string;
  images: number;
}

/** Sent once a view has rendered; nothing is pushed before it. */
export interface EvaluationHelloAsk {
  ask: "hello";
  view: string;
}

/** All that stays as it is. */
export interface EvaluationHelloReply {
  kind: string;
  title: string;
  keys: string[];
  classes: ClassInfo[];
  tags: TagInfo[];
  areas: AreaName[];
  least_confidence: number;
  image_count: number;
  problems: string[];
  problem_count: number;
  pictures: boolean;
  opens: "annotator" | "callback" | "nothing";
  score_edges: number[];
  size_edges: number[];
}

/** Sent when a view goes away. */
export interface EvaluationByeAsk {
  ask: "bye";
  view: string;
}

/** Nothing more to say. */
export interface EvaluationByeReply extends Record<string, never> {}

/** The figures that follow a slider. */
export interface FiguresAsk {
  ask: "figures";
  query: EvaluationQuery;
}

/**
 * Buffers: (k, 5) float32 AP, AP50, AR, truths, detections of each class of the hello (NaN: it is left out);
 * (k,) float32 the AP of each in the whole; (1 + c, 101) float32 precision over recall of all and of
 * ``curve_classes``; (2, s) int32 hits and ghosts by score; (2, z) int32 found and missed truths by size.
 */
export interface FiguresReply {
  numbers: number[];
  whole: number[];
  before: number[] | null;
  edits: number;
  edited_images: number;
  images: number;
  truths: number;
  detections: number;
  curve_classes: number[];
  took_ms: number;
}

/** An image behind a mark. ``count`` is how many of the marked things it has. */
export interface ImageItem {
  id: number;
  name: string;
  width: number;
  height: number;
  count: number;
  hits: number;
  ghosts: number;
  misses: number;
  f1: number;
}

/** The figures of an operating point, which may take longer. */
export interface DetailAsk {
  ask: "detail";
  query: EvaluationQuery;
}

/**
 * One buffer: the confusion matrix (n + 1, n + 1) int32, truths by row, background last. Where there are too many
 * classes, ``classes`` has the most confused ones, and all others stand as one before the background.
 */
export interface DetailReply {
  confidence: number;
  iou: number;
  classes: number[];
  others: number;
}

/** The images with the lowest F1. */
export interface WorstMark {
  mark: "worst";
}

/** The images where a class goes wrong most often. */
export interface ClassMark {
  mark: "class";
  class_id: number;
}

/** A cell of the confusion matrix; left out: background. */
export interface CellMark {
  mark: "cell";
  truth?: number;
  detected?: number;
}

/** Detections of a range of scores. */
export interface ScoresMark {
  mark: "scores";
  low: number;
  high: number;
  outcome?: "any" | "hit" | "ghost";
}

/** Truths of a range of sizes (√area in px), found or missed. */
export interface SizesMark {
  mark: "sizes";
  low: number;
  high: number;
  outcome?: "any" | "found" | "missed";
}

/** The images behind a mark, those with most of it first. */
export interface ImagesAsk {
  ask: "images";
  query: EvaluationQuery;
  mark: Mark;
  first?: number;
  count?: number;
}

/**
 * Buffers: (m + 1,) int32 where each image's boxes begin; (b, 4) float32 boxes x, y, w, h in pixels;
 * (b,) uint8 what they are: 0 hit, 1 ghost, 2 missed truth, and 4 more where it is what the mark means.
 */
export interface ImagesReply {
  images: ImageItem[];
  total: number;
}

/** A small picture; the reply carries it as its one buffer. */
export interface ThumbAsk {
  ask: "thumb";
  image_id: number;
}

/** Of ``mime``. */
export interface ThumbReply {
  image_id: number;
  mime: string;
}

/** Open an image for editing. */
export interface OpenAsk {
  ask: "open";
  image_id: number;
}

/** The Annotator's widget id; empty where a callback took the image. */
export interface OpenReply {
  model: string;
}

/** Annotations were edited and matched again: ask for the figures. */
export interface EditedPush {
  push: "edited";
  images: number[];
  edits: number;
  rematch_ms: number;
}

/** The bar. ``total`` is None where nobody knows; ``eta_s`` is seconds. */
export interface JobProgressView {
  done: number;
  total: number | null;
  unit: string;
  message: string;
  eta_s: number | null;
}

/** One finished epoch: losses and metrics by name (``losses.box``, ``metrics.AP50``). */
export interface JobEpoch {
  epoch: number;
  epochs: number;
  losses: Record<string, number>;
  metrics: Record<string, number>;
  seconds: number | null;
}

/** All that the widget draws: one synced trait. Times are seconds since 1970. */
export interface JobView {
  id: string;
  kind: string;
  title: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  progress: JobProgressView;
  epochs: JobEpoch[];
  log: string;
  failure: Refusal | null;
  detail: string;
  result: string;
  note: string;
  cancelling: boolean;
  attempt: number;
  worker: string;
  author: string;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

/** Somebody who looks at an image just now. */
export interface Person {
  key: string;
  name: string;
}

/** The first message of a WebSocket. */
export interface Opening {
  ticket: string;
}

/** The ticket was taken; asks are answered from now on. */
export interface WelcomePush {
  push: "welcome";
  name: string;
  version: string;
  frame_bytes: number;
}

/** Where an image is. */
export interface LocateAsk {
  ask: "locate";
  image_id: number;
}

/** The image and its place. */
export interface LocateReply {
  image: ImageRef;
}

/**
 * Look at this image (and no longer at another): from now on its edits and its people are pushed.
 *
 * ``since`` is the sequence that the asker's shapes stand at; negative where it has none yet. ``image_id`` of None
 * looks away.
 */
export interface WatchAsk {
  ask: "watch";
  image_id: number | null;
  view: string;
  since?: number;
}

/** What happened since, as ``EditsPush`` would tell it. ``reload``: too much; ask for the shapes. */
export interface WatchReply {
  image_id: number | null;
  seq: number;
  reload: boolean;
  shapes: Shape[];
  tags: string[] | null;
}

/**
 * Edits ``after + 1`` to ``seq`` of an image: the shapes that they touched as they stand now, the deleted too.
 *
 * Whoever stands below ``after`` has missed something and asks for the shapes.
 */
export interface EditsPush {
  push: "edits";
  image_id: number;
  after: number;
  seq: number;
  shapes: Shape[];
  tags: string[] | null;
  authors: string[];
}

/** Who looks at an image, the receiver too, in a steady order. */
export interface PresencePush {
  push: "presence";
  image_id: number;
  people: Person[];
}

/** Opens one WebSocket, once, until it expires. */
export interface Ticket {
  ticket: string;
  expires_s: number;
}

/** The SAM tool was taken up: what the first prompt on this image would wait for may begin. */
export interface PrepareAsk {
  ask: "prepare";
  image_id: number;
}

/** Heard. ``EncodingPush`` tells of the work. */
export interface PrepareReply extends Record<string, never> {}

/** One of the masks of an earlier answer. */
export interface Earlier {
  answer: number;
  candidate: number;
}

/** A SAM prompt. ``labels``: 1 in, 0 out. ``box`` is x, y, w, h. */
export interface SegmentAsk {
  ask: "segment";
  image_id: number;
  points?: [number, number][];
  labels?: number[];
  box?: Box;
  refines?: Earlier;
  outline?: Geometry;
}

/** One of the masks that a prompt may mean: its window x, y, w, h in pixels, and its IoU as the model predicts. */
export interface Candidate {
  window: [number, number, number, number];
  score: number;
}

/**
 * The likeliest mask; ``others`` follow it. A buffer for each: zlib of the mask's ``window``, row-major, 1 bit a
 * pixel, rows padded to bytes, the first pixel in the highest bit. An empty mask has a window of zeros and an empty
 * buffer.
 */
export interface SegmentReply {
  window: [number, number, number, number];
  score: number;
  image_id: number;
  encode_ms: number;
  decode_ms: number;
  answer: number;
  others: Candidate[];
}

/** What a click there would mean. It never waits for an encoding; of those that wait, the newest is answered. */
export interface HoverAsk {
  ask: "hover";
  image_id: number;
  x: number;
  y: number;
  seq: number;
  points?: [number, number][];
  labels?: number[];
  box?: Box;
  refines?: Earlier;
}

/**
 * One buffer, as ``SegmentReply``'s, but of ``columns`` × ``rows`` cells that cover the ``window`` (x, y, w, h in
 * pixels, not whole ones).
 */
export interface HoverReply {
  image_id: number;
  seq: number;
  ready: boolean;
  window: Box;
  columns: number;
  rows: number;
  score: number;
  decode_ms: number;
}

/** Every object of the image that the segmenter finds. ``SweepPush`` tells how far it is; ``StopAsk`` ends it. */
export interface EverythingAsk {
  ask: "everything";
  image_id: number;
}

/** The objects, the surest first, less those that are labelled already; a buffer each, as ``SegmentReply``'s. */
export interface EverythingReply {
  image_id: number;
  found: Candidate[];
  labelled: number;
}

/**
 * What is in each of these boxes, as ``SegmentAsk`` would say. ``SweepPush`` tells how far it is; ``StopAsk``
 * ends it.
 */
export interface BoxMasksAsk {
  ask: "box_masks";
  image_id: number;
  boxes: Box[];
}

/** One for each box, in their order; a buffer each, as ``SegmentReply``'s. */
export interface BoxMasksReply {
  image_id: number;
  found: Candidate[];
}

/**
 * Nobody waits for the answer to ``EverythingAsk`` or ``BoxMasksAsk`` any more, or for a following of that name:
 * it is refused as Cancelled.
 */
export interface StopAsk {
  ask: "stop";
  image_id: number;
  follow?: string;
}

/** Heard. */
export interface StopReply extends Record<string, never> {}

/** How far ``EverythingAsk`` or ``BoxMasksAsk`` is; ``fraction`` of 1. */
export interface SweepPush {
  push: "sweep";
  image_id: number;
  fraction: number;
}

/** The segmenter is at work on an image's features; ``fraction`` of 1. */
export interface EncodingPush {
  push: "encoding";
  image_id: number;
  fraction: number;
}

/** Where in a video an image was. */
export interface VideoFrame {
  name: string;
  sha256: string;
  frame: number;
  time_s: number;
  fps: number;
}

/** An image by its place in the widget's slice. */
export interface ImageRef {
  id: number;
  index: number;
  name: string;
  width: number;
  height: number;
  tags: string[];
  video: VideoFrame | null;
}

/** A remark pinned to a place, in image pixels. */
export interface CommentInfo {
  id: string;
  x: number;
  y: number;
  text: string;
  author: string;
  at: string;
  resolved_by: string;
  resolved_at: string | null;
}

/** How far an image's labels have come. */
export interface ReviewAsk {
  ask: "review";
  image_id: number;
}

/** The state after whatever was asked; comments oldest first. */
export interface ReviewReply {
  image_id: number;
  status: Status;
  assignee: string;
  author: string;
  at: string | null;
  comments: CommentInfo[];
}

/** The review of the watched image is another: ask for it. */
export interface ReviewedPush {
  push: "reviewed";
  image_id: number;
}

/** Set the status, or who is to do it; what is left out stays. */
export interface ReviewSetAsk {
  ask: "review_set";
  image_id: number;
  status?: Status;
  assignee?: string;
}

/** Pin a comment. Sent again with its id it is pinned once. */
export interface CommentAsk {
  ask: "comment";
  image_id: number;
  comment_id: string;
  x: number;
  y: number;
  text: string;
}

/** A comment is dealt with, or is open again. */
export interface ResolveAsk {
  ask: "resolve";
  image_id: number;
  comment_id: string;
  resolved: boolean;
}

/** What a shape was before; or, without one, which shapes of the image are deleted. */
export interface PastAsk {
  ask: "past";
  image_id: number;
  shape_id?: string;
}

/** A property, or one attribute, as it was and as it became; in words. */
export interface PastChange {
  name: string;
  before: string;
  after: string;
}

/** One edit: by whom, when, of what. */
export interface PastEdit {
  rev: number;
  author: string;
  at: string;
  action: "create" | "update" | "delete" | "restore" | "tag" | "untag";
  changes: PastChange[];
}

/** Edits of the shape, oldest first; or the deleted shapes with the edit that deleted each, the latest first. */
export interface PastReply {
  image_id: number;
  shape_id: string | null;
  edits: PastEdit[];
  deleted: Shape[];
}

/** What the asker may undo and redo on an image, done on whatever page. */
export interface StepsAsk {
  ask: "steps";
  image_id: number;
}

/** A shape before and after a step; None where it was not there. */
export interface StepChange {
  shape_id: string;
  before: Shape | null;
  after: Shape | null;
}

/** What was done at once. */
export interface StepInfo {
  changes: StepChange[];
  tags: Record<string, boolean>;
  op_id: string;
  images: number;
}

/** The nearest last. */
export interface StepsReply {
  image_id: number;
  undo: StepInfo[];
  redo: StepInfo[];
}

/** Take back a step of the asker's on every image that it touched, or do it again. */
export interface StepAsk {
  ask: "step";
  op_id: string;
  as_id: string;
  forward?: boolean;
}

/** What that came to. Ask for the shapes of these images anew. */
export interface StepReply {
  image_ids: number[];
  shapes: number;
  kept: number;
}

/** Give a shape the values of one of its revisions, as a new edit; answered as an ``apply``. */
export interface RestoreAsk {
  ask: "restore";
  image_id: number;
  shape_id: string;
  rev: number;
}

/** An axis-aligned box. */
export interface BoxGeometry {
  kind: "box";
  box: Box;
}

/** A rectangle turned about its centre; ``angle`` in radians, clockwise as an image is seen. */
export interface Turned {
  center: [number, number];
  size: [number, number];
  angle: number;
}

/** A rotated box; ``box`` is the upright one around it. */
export interface RotatedGeometry {
  kind: "rotated";
  box: Box;
  turned: Turned;
}

/** The ellipse that fills ``turned``; ``box`` is the upright one around it. */
export interface EllipseGeometry {
  kind: "ellipse";
  box: Box;
  turned: Turned;
}

/** One or more polygon parts, each x0, y0, x1, y1, …, less ``holes``; ``box`` encloses them. */
export interface PolygonGeometry {
  kind: "polygon";
  box: Box;
  parts: number[][];
  holes: number[][];
}

/** One or more lines, each x0, y0, x1, y1, …; ``box`` encloses them. */
export interface PolylineGeometry {
  kind: "polyline";
  box: Box;
  parts: number[][];
}

/** Points x, y without names; ``box`` encloses them. */
export interface PointsGeometry {
  kind: "points";
  box: Box;
  points: [number, number][];
}

/** COCO's compressed runs; ``size`` is height, width of the image. */
export interface MaskGeometry {
  kind: "mask";
  box: Box;
  size: [number, number];
  counts: string;
}

/** Keypoints x, y, visibility (0, 1, 2). */
export interface KeypointsGeometry {
  kind: "keypoints";
  box: Box;
  points: [number, number, number][];
}

/** A shape's place in a track: one object over the frames of a sequence. Without ``id`` it stands alone. */
export interface Track {
  id: string | null;
  keyframe: boolean;
  outside: boolean;
}

/** One annotation as it stands at revision ``rev``. */
export interface Shape {
  id: string;
  class_id: number;
  geometry: Geometry;
  crowd: boolean;
  attributes: Record<string, unknown>;
  tags: string[];
  z: number;
  track: Track;
  rev: number;
  deleted: boolean;
}

/** The properties an op sets; those left out stay. Geometry is one property. */
export interface Patch {
  class_id?: number;
  geometry?: Geometry;
  crowd?: boolean;
  attributes?: Record<string, unknown>;
  tags?: string[];
  z?: number;
  track?: Track;
}

/** One edit. The client makes ``client_op_id``; sending an op twice changes nothing the second time. */
export interface Op {
  client_op_id: string;
  shape_id: string;
  base_rev: number;
  action: "create" | "update" | "delete" | "restore" | "tag" | "untag";
  patch?: Patch;
}

/** What became of an op. */
export interface OpResult {
  client_op_id: string;
  status: "applied" | "duplicate" | "conflict" | "refused";
  shape: Shape | null;
  conflicts: string[];
  theirs: Patch | null;
  reason: string;
}

/** What a band holds, in its own values. */
export interface BandInfo {
  name: string;
  low: number;
  high: number;
  least: number;
  most: number;
  begin: number;
  end: number;
  counts: number[];
}

/**
 * How it stands with an image's tiles. Level ``last_level`` is the image at its full size, each below it half of
 * that, rounded up, level 0 one pixel.
 */
export interface TilesInfo {
  state: "ready" | "making" | "failed";
  done: number | null;
  reason: string;
  width: number;
  height: number;
  last_level: number;
  bands: BandInfo[];
  offset: number;
  scale: number;
}

/** An image: the reply carries its bytes as its one buffer, unless it is shown in tiles. */
export interface ImageAsk {
  ask: "image";
  image_id: number;
  whole?: boolean;
  again?: boolean;
}

/** ``mime`` as the browser's decoder wants it; orientation is already applied. Empty without bytes. */
export interface ImageReply {
  image_id: number;
  mime: string;
  tiles: TilesInfo | null;
}

/** Some tiles of an image. ``bands``: places of those whose codes are wanted, of an image that has ``bands``. */
export interface TilesAsk {
  ask: "tiles";
  image_id: number;
  places: Place[];
  bands?: number[];
}

/**
 * What a tile's buffer is: an encoded image of type ``mime``, with a pixel of each neighbour around it; or, where
 * ``bits`` is 8 or 16, zlib of the bands' codes without overlap: one band after another, each row by row,
 * little-endian, each code less the one before it in its row, modulo 2 to the ``bits``.
 */
export interface TileInfo {
  mime: string;
  bits: number;
  width: number;
  height: number;
}

/** A buffer for each tile, in the order of the ask. */
export interface TilesReply {
  image_id: number;
  tiles: TileInfo[];
}

/** Where a track's shapes stand. */
export interface TrackAsk {
  ask: "track";
  track_id: string;
}

/** A track's shape on one image. */
export interface Frame {
  image: ImageRef;
  shape_id: string;
  keyframe: boolean;
  outside: boolean;
}

/** The shapes that are not deleted, on images of the slice, in their order. */
export interface TrackReply {
  track_id: string;
  frames: Frame[];
  complete: boolean;
}

/** Which images of the slice are of the same video as this one. */
export interface SequenceAsk {
  ask: "sequence";
  image_id: number;
}

/** The first of them and the last, by their places; both None where the image is of no video. */
export interface SequenceReply {
  image_id: number;
  first: ImageRef | null;
  last: ImageRef | null;
}

/** What is followed: a track, and its shape on the image where it begins. */
export interface Seed {
  track_id: string;
  geometry: Geometry;
}

/**
 * Follow tracks from an image on, a piece at each ask: with ``seeds`` it begins, without it goes on. Of two that
 * begin the later one counts. ``StopAsk`` ends it within an image.
 */
export interface FollowAsk {
  ask: "follow";
  follow: string;
  image_id: number;
  seeds?: Seed[];
  backward?: boolean;
  count?: number;
}

/** A track on one image. */
export interface FollowedShape {
  track_id: string;
  mask: MaskGeometry | null;
  presence: number;
}

/** What was found on one image. */
export interface FollowedFrame {
  image: ImageRef;
  shapes: FollowedShape[];
  problem: string;
}

/** The images that were done since the last ask, at least one unless it ended. */
export interface FollowReply {
  follow: string;
  of: number;
  frames: FollowedFrame[];
  ended: boolean;
}

export interface AnnotatorReplies {
  hello: HelloReply;
  bye: ByeReply;
  page: PageReply;
  locate: LocateReply;
  image: ImageReply;
  tiles: TilesReply;
  shapes: ShapesReply;
  watch: WatchReply;
  predictions: PredictionsReply;
  verdicts: VerdictsReply;
  mistake: MistakeReply;
  apply: ApplyReply;
  restore: ApplyReply;
  past: PastReply;
  track: TrackReply;
  sequence: SequenceReply;
  steps: StepsReply;
  step: StepReply;
  review: ReviewReply;
  review_set: ReviewReply;
  comment: ReviewReply;
  resolve: ReviewReply;
  prepare: PrepareReply;
  segment: SegmentReply;
  hover: HoverReply;
  everything: EverythingReply;
  box_masks: BoxMasksReply;
  follow: FollowReply;
  stop: StopReply;
}

export interface EvaluationReplies {
  hello: EvaluationHelloReply;
  bye: EvaluationByeReply;
  figures: FiguresReply;
  detail: DetailReply;
  images: ImagesReply;
  thumb: ThumbReply;
  open: OpenReply;
}

// Every tool: how it is made, and what it is called. A new one is a module, a line here, and a key in keys.ts.
import { BoxTool } from "./box";
import { BrushTool } from "./brush";
import { EverythingTool } from "./everything";
import { KeypointsTool } from "./keypoints";
import { PathTool } from "./path";
import { RotatedTool } from "./rotated";
import { SamTool } from "./sam";
import { SelectTool } from "./select";
import type { ToolName, Workbench } from "./tool";

export type { ToolName } from "./tool";

export function makeTools(bench: Workbench) {
  return {
    select: new SelectTool(bench),
    box: new BoxTool(bench, "box"),
    rotated: new RotatedTool(bench),
    ellipse: new BoxTool(bench, "ellipse"),
    polygon: new PathTool(bench, "polygon"),
    polyline: new PathTool(bench, "polyline"),
    points: new PathTool(bench, "points"),
    keypoints: new KeypointsTool(bench),
    brush: new BrushTool(bench, "brush"),
    eraser: new BrushTool(bench, "eraser"),
    slice: new PathTool(bench, "slice"),
    hole: new PathTool(bench, "hole"),
    sam: new SamTool(bench),
    everything: new EverythingTool(bench),
  } satisfies Record<ToolName, unknown>;
}

export type Tools = ReturnType<typeof makeTools>;

/** In the order of the tool strip. */
export const toolLabels: Readonly<Record<ToolName, string>> = {
  select: "Select and edit",
  box: "Draw a box",
  rotated: "Draw a rotated box",
  ellipse: "Draw an ellipse",
  polygon: "Draw a polygon",
  polyline: "Draw a line",
  points: "Mark points",
  keypoints: "Place keypoints",
  brush: "Brush a mask",
  eraser: "Wipe a mask",
  slice: "Cut a shape in two",
  hole: "Cut a hole into a shape",
  sam: "Segment with clicks",
  everything: "Segment everything, and look it through",
};

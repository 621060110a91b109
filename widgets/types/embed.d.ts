export * from "../src/annotator/embedding";
import type { MountAnnotator } from "../src/annotator/embedding";
export declare const mountAnnotator: MountAnnotator;

// The rooms of a project, in the order of the work: the side bar, the `g` keys and the help all read this list.
import { Boxes, ChartNoAxesCombined, FileText, Images, ListChecks, type LucideIcon, Play, Settings, Upload } from "lucide-react";
import { routes } from "@/lib/routes";

export interface Place {
  readonly name: string;
  /** After `g`. */
  readonly key: string;
  readonly icon: LucideIcon;
  readonly to: (project: number) => string;
}

export const places: readonly Place[] = [
  { name: "Datasets", key: "d", icon: Images, to: routes.datasets },
  { name: "Upload", key: "u", icon: Upload, to: routes.upload },
  { name: "Models", key: "m", icon: Boxes, to: routes.models },
  { name: "Runs", key: "r", icon: Play, to: routes.runs },
  { name: "Evaluations", key: "e", icon: ChartNoAxesCombined, to: routes.evaluations },
  { name: "Jobs", key: "j", icon: ListChecks, to: routes.jobs },
  { name: "Reports", key: "p", icon: FileText, to: routes.reports },
  { name: "Settings", key: "s", icon: Settings, to: routes.settings },
];

// How far an image's labels have come, in words and colours: the same on a thumbnail, in a filter and in a menu.
import { Circle, CircleCheck, CircleDashed, CircleDot, CircleX, type LucideIcon } from "lucide-react";
import type { Tone } from "@/components/ui/badge";
import type { components } from "./api.gen";

export type Status = components["schemas"]["ReviewedImage"]["status"];

interface Said {
  readonly name: string;
  readonly tone: Tone;
  readonly icon: LucideIcon;
}

export const statuses: Record<Status, Said> = {
  todo: { name: "To do", tone: "plain", icon: CircleDashed },
  doing: { name: "Doing", tone: "accent", icon: Circle },
  review: { name: "To review", tone: "warn", icon: CircleDot },
  accepted: { name: "Accepted", tone: "good", icon: CircleCheck },
  rejected: { name: "Rejected", tone: "bad", icon: CircleX },
};

/** The status that a word of the address names. */
export function statusOf(word: string | undefined): Status | undefined {
  return word !== undefined && Object.hasOwn(statuses, word) ? (word as Status) : undefined;
}

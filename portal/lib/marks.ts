/** Something on the figures that images are behind. Classes by name; null is background. */
export type Mark =
  | { readonly kind: "worst" }
  | { readonly kind: "class"; readonly name: string }
  | { readonly kind: "cell"; readonly truth: string | null; readonly detected: string | null };

/** In words, as a heading over the images. */
export function caption(mark: Mark): string {
  switch (mark.kind) {
    case "worst": return "Where it goes wrong most";
    case "class": return `Where ${mark.name} goes wrong`;
    case "cell":
      if (mark.detected === null) return `${mark.truth} missed`;
      if (mark.truth === null) return `${mark.detected} where nothing is`;
      return mark.truth === mark.detected ? `${mark.truth} found` : `${mark.truth} taken for ${mark.detected}`;
  }
}

/** As the API asks for it. */
export function markQuery(mark: Mark): { mark: "worst" | "cell"; of?: string; truth?: string; detected?: string } {
  switch (mark.kind) {
    case "worst": return { mark: "worst" };
    case "class": return { mark: "worst", of: mark.name };
    case "cell": return { mark: "cell", truth: mark.truth ?? "", detected: mark.detected ?? "" };
  }
}

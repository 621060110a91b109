// What a page that embeds the annotator says and gets. Types alone: nothing of the annotator comes with them.

export type Theme = "light" | "dark" | "auto";

/** An image by its place in the dataset. */
export interface ShownImage {
  readonly id: number;
  /** 0-based. */
  readonly index: number;
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

export interface EmbedOptions {
  readonly datasetId: number;
  /** The image to begin with; left out, the dataset's first. */
  readonly imageId?: number | undefined;
  /** The images to step through; left out, all of the dataset. */
  readonly part?: { readonly tags?: string[]; readonly classes?: string[]; readonly text?: string } | undefined;
  /** The WebSocket's address, or its path on this origin. Default "/api/live". */
  readonly url?: string | undefined;
  /** Fetches a one-time ticket. Left out, it is asked for with `POST {url}/ticket` and the page's cookie. */
  readonly ticket?: (() => Promise<string>) | undefined;
  /** What `GET /api/session` answers as `csrf`, for the request for a ticket. */
  readonly csrf?: string | (() => string | Promise<string>) | undefined;
  /** "auto" follows the system. Default "auto". */
  readonly theme?: Theme | undefined;
  /** Look, and change nothing, whatever the account may do. */
  readonly readOnly?: boolean | undefined;
  /** Where an image's bytes are to be had by GET, in a format that browsers show, turned upright: then they come
   * beside the socket, and from the browser's cache. Left out, they come through the socket. */
  readonly imageUrl?: ((imageId: number) => string) | undefined;
  /** A link in the bar, to the same image elsewhere (a notebook). */
  readonly link?: { readonly label: string; readonly href: (imageId: number) => string } | undefined;
  /** Told each time that another image is on the canvas. */
  readonly onImage?: ((image: ShownImage) => void) | undefined;
  /** Told when Esc gives the keys back to the page. */
  readonly onLeave?: (() => void) | undefined;
}

export interface Mounted {
  /** Show another image of the dataset. */
  goto(imageId: number): void;
  setTheme(theme: Theme): void;
  close(): void;
}

/** Show an annotator that fills `host` (which has a height) until `close`. */
export type MountAnnotator = (host: HTMLElement, options: EmbedOptions) => Mounted;

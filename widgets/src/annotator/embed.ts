// The annotator for any page, over a WebSocket: `import { mountAnnotator } from "@evalnb/widgets/embed"`, and its
// style sheet from "@evalnb/widgets/embed.css". Importing it touches no DOM, so that servers may.
import { deflating } from "../bridges/deflated";
import { SocketCarrier, TicketRefused } from "../bridges/socket";
import { Transport } from "../bridges/transport";
import type { EmbedOptions, MountAnnotator } from "./embedding";
import { frame } from "./frame";
import { serverWords } from "./words";

export type * from "./embedding";

const defaultUrl = "/api/live";

export const mountAnnotator: MountAnnotator = (host, options) => {
  const url = options.url ?? defaultUrl;
  const carrier = new SocketCarrier({ url, datasetId: options.datasetId, ticket: options.ticket ?? (() => fetchTicket(url, options.csrf)) });
  const { root, session, close } = frame(
    host,
    {
      transport: new Transport(deflating(carrier)),
      words: serverWords,
      imageId: options.imageId,
      part: options.part,
      imageUrl: options.imageUrl,
      link: options.link,
      readOnly: options.readOnly ?? false,
      onShown: ({ id, index, name, width, height }) => options.onImage?.({ id, index, name, width, height }),
    },
    {
      leave: (left) => {
        left.blur();
        options.onLeave?.();
      },
    },
  );
  root.classList.add("evalnb-embedded");
  root.dataset["theme"] = options.theme ?? "auto";
  return {
    goto: (imageId) => void session.open(imageId),
    setTheme: (theme) => void (root.dataset["theme"] = theme),
    close,
  };
};

async function fetchTicket(url: string, csrf: EmbedOptions["csrf"]): Promise<string> {
  const value = typeof csrf === "function" ? await csrf() : csrf;
  const address = new URL(url, location.href);
  address.protocol = address.protocol.replace("ws", "http");
  address.pathname += "/ticket";
  const answer = await fetch(address, {
    method: "POST", credentials: "same-origin", headers: value ? { "X-Evalnb-Csrf": value } : {},
  });
  if (answer.status === 401 || answer.status === 403) throw new TicketRefused(`HTTP ${answer.status}`);
  if (!answer.ok) throw new Error(`HTTP ${answer.status} for a ticket`);
  return ((await answer.json()) as { ticket: string }).ticket;
}

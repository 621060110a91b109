// Following on the page: what is asked, what lands on which image, what is a person's and stays.
import { signal } from "@preact/signals";
import { expect, test } from "vitest";
import { Refused, type Transport } from "../bridges/transport";
import { type Shape, newShape } from "../editor/records";
import { EditorDocument } from "../editor/selecting";
import type { FollowAsk } from "../wire.gen";
import { Following } from "./following";
import type { Session } from "./session";

const size = { w: 40, h: 30 };
const mask = { kind: "mask", box: [1, 1, 2, 2], size: [30, 40], counts: "_1" } as const;
const track = { id: "7d444840-9dc0-11d1-b245-5ffdce74fad2", keyframe: true, outside: false };
const refAt = (index: number) => ({ id: 100 + index, index, name: `${index}`, width: 40, height: 30, tags: [] });
const frame = (index: number, there: boolean) => ({ image: refAt(index), shapes: [{ track_id: track.id, mask: there ? mask : null, presence: 1 }], problem: "" });

/** Six images, a box that is a keyframe on the third, and a kernel whose replies the test gives. */
function page(replies: readonly (object | Refused)[], kind: "box" | "mask" = "mask") {
  const documents = Array.from({ length: 6 }, (_, index) => new EditorDocument(refAt(index).id, size));
  const geometry = kind === "mask" ? mask : { kind: "box", box: [3, 3, 9, 9] } as const;
  const key: Shape = { ...newShape("key", 4, geometry as Shape["geometry"]), track, attributes: { coat: "red", occluded: true } };
  documents[2]!.store.change("remote", (draft) => draft.put(key));
  const asks: FollowAsk[] = [];
  const told: string[] = [];
  const transport = {
    request: (ask: FollowAsk) => {
      if (ask.ask === "follow") asks.push(ask);
      const reply = replies[asks.length - 1];
      return ask.ask !== "follow" ? Promise.resolve({ reply: {} }) : reply instanceof Refused ? Promise.reject(reply) : Promise.resolve({ reply });
    },
  } as unknown as Transport;
  const session = {
    image: signal(refAt(2)), index: signal(2), copied: signal(null), hello: signal({ segmenter: "pico", image_count: 6 }), pending: signal(0), toolState: signal("box.idle"),
    tell: (text: string) => told.push(text), notify: (_: string, text: string) => told.push(text),
    wand: { inHand: signal(false) },
    viewer: { readyAt: (ref: { index: number }) => Promise.resolve(documents[ref.index]!) },
    editor: {
      document: documents[2], editable: [key], readOnly: false, sam: { state: { now: null, gathered: [] } },
      putAll: () => undefined, use: () => undefined, selectAll: () => undefined,
    },
  } as unknown as Session;
  const shapes = (): (string | null)[] => documents.map(({ store }) => {
    const [one] = [...store.all()];
    return one ? `${one.geometry.kind}${one.track.keyframe ? " key" : ""}${one.track.outside ? " outside" : ""}` : null;
  });
  return { following: new Following(session, transport), documents, asks, told, shapes, key };
}

test("pieces land as shapes between keyframes, and where it is lost it is out of sight once", async () => {
  const { following, documents, asks, told, shapes } = page([{ of: 3, ended: false, frames: [frame(3, true)] }, { of: 3, ended: true, frames: [frame(4, false), frame(5, false)] }]);
  await following.run(false);
  expect(shapes()).toEqual([null, null, "mask key", "mask", "mask outside", null]);
  expect(asks.map(({ seeds }) => seeds?.length ?? 0)).toEqual([1, 0]);
  expect(new Set(asks.map(({ follow }) => follow)).size).toBe(1);
  expect(told).toEqual(["Followed over 3 images; not in sight on 2"]);
  // What is said of the object goes along, but for what is each image's own.
  expect([...documents[3]!.store.all()][0]).toMatchObject({ class_id: 4, attributes: { coat: "red" }, track: { id: track.id } });
  expect(following.state.value).toBeNull();
});

test("a person's keyframe stays, a shape that was computed is drawn anew and what is lost there goes", async () => {
  const { following, documents, shapes, key } = page([{ of: 3, ended: true, frames: [frame(3, true), frame(4, true), frame(5, false)] }]);
  documents[3]!.store.change("remote", (draft) => draft.put({ ...key, id: "theirs" }));
  documents[4]!.store.change("remote", (draft) => draft.put({ ...key, id: "old", class_id: 9, track: { ...track, keyframe: false } }));
  const before = [...documents[3]!.store.all()][0];
  await following.run(false);
  expect([...documents[3]!.store.all()][0]).toBe(before);
  expect([...documents[4]!.store.all()][0]).toMatchObject({ id: "old", class_id: 9, track: { keyframe: false } });
  expect(shapes()[5]).toBe("mask outside");
});

test("going back, the image after the last one in sight says that it is gone", async () => {
  const { following, asks, shapes } = page([{ of: 2, ended: true, frames: [frame(1, false), frame(0, true)] }], "box");
  await following.run(true);
  expect(asks[0]).toMatchObject({ backward: true });
  // Of the kind that the track has.
  expect(shapes()).toEqual(["box", "box outside", "box key", null, null, null]);
});

test("the same key stops it: what came stays and is told, and a refusal for that is none", async () => {
  const refused = new Refused({ kind: "Cancelled", happened: "it", remedy: "that", status: 409 });
  const { following, told, shapes } = page([{ of: 3, ended: false, frames: [frame(3, true)] }, refused]);
  await following.run(false);
  expect(shapes()[3]).toBe("mask");
  expect(told).toEqual(["Followed over 1 image"]);
  const { following: again, asks } = page([{ of: 3, ended: false, frames: [frame(3, true)] }, { of: 3, ended: false, frames: [frame(4, true)] }]);
  const running = again.run(false);
  await again.run(false);
  await running;
  expect(asks.length).toBeLessThanOrEqual(1);
});

import { expect, test, vi } from "vitest";
import { type BandInfo } from "../wire.gen";
import { autoWindow, colored, firstBands, fullWindow, joined, paint, tableOf, unpacked } from "./depth";
import { Tiling, coarser, keyOf, side } from "./tiling";
import { type Arrived, TileSet } from "./tiles";

const tiling = new Tiling({ w: 50_000, h: 30_001 }, 16);

test("levels halve, rounded up, and the base is one tile", () => {
  expect(tiling.sizeOf(16)).toEqual({ w: 50_000, h: 30_001 });
  expect(tiling.sizeOf(15)).toEqual({ w: 25_000, h: 15_001 });
  expect(tiling.sizeOf(8)).toEqual({ w: 196, h: 118 });
  expect(tiling.base).toEqual({ level: 8, x: 0, y: 0 });
  expect(new Tiling({ w: 3, h: 1 }, 2).base.level).toBe(2);
});

test("a pixel of the level is never much more, nor much less, than one of the screen", () => {
  for (let zoom = 64; zoom > 1 / 500; zoom *= 0.93) {
    const onScreen = zoom * tiling.factor(tiling.levelFor(zoom));
    if (zoom <= 1 && tiling.levelFor(zoom) > 8) expect(onScreen).toBeGreaterThan(0.6), expect(onScreen).toBeLessThan(1.24);
    else if (zoom > 1) expect(tiling.levelFor(zoom)).toBe(16);
  }
});

test("the tiles in view cover it, none beside the image, the middle first", () => {
  const view = { w: 1000, h: 700 };
  for (const camera of [{ x: 0, y: 0, zoom: 1 }, { x: -49_300, y: -29_600, zoom: 1 }, { x: -7000, y: -2000, zoom: 0.31 }, { x: 20, y: 30, zoom: 0.019 }]) {
    const level = tiling.levelFor(camera.zoom);
    const places = tiling.inView(level, camera, view);
    const factor = tiling.factor(level);
    const seen = new Set(places.map(keyOf));
    expect(seen.size).toBe(places.length);
    for (let x = 0; x < view.w; x += 37) {
      for (let y = 0; y < view.h; y += 41) {
        const [ix, iy] = [(x - camera.x) / camera.zoom, (y - camera.y) / camera.zoom];
        if (ix < 0 || iy < 0 || ix >= 50_000 || iy >= 30_001) continue;
        expect(seen.has(keyOf({ level, x: Math.floor(ix / factor / side), y: Math.floor(iy / factor / side) }))).toBe(true);
      }
    }
    for (const place of places) expect(tiling.extent(place).w).toBeGreaterThan(0), expect(tiling.extent(place).h).toBeGreaterThan(0);
    const around = tiling.around(places);
    expect(around.every((one) => !seen.has(keyOf(one)) && tiling.extent(one).w > 0 && tiling.extent(one).h > 0)).toBe(true);
  }
});

test("a coarser tile's part shows the same place of the image", () => {
  const place = { level: 16, x: 37, y: 91 };
  for (let steps = 0; steps <= 8; steps++) {
    const { place: at, part: [x, y, w, h] } = coarser(place, tiling.extent(place), steps);
    const factor = tiling.factor(at.level);
    expect((at.x * side + x) * factor).toBeCloseTo(37 * side, 6);
    expect((at.y * side + y) * factor).toBeCloseTo(91 * side, 6);
    expect(w * factor).toBeCloseTo(side, 6);
    expect(h * factor).toBeCloseTo(side, 6);
  }
});

const band = (name: string, low = 10, high = 20): BandInfo => ({ name, low, high, least: 0, most: 100, begin: 5, end: 25, counts: [1] });

test("windows are chosen by what a band holds", () => {
  expect(autoWindow(band("value"))).toEqual({ low: 10, high: 20 });
  expect(fullWindow(band("value"))).toEqual({ low: 0, high: 100 });
  expect(fullWindow({ ...band("value"), least: 7, most: 7 })).toEqual({ low: 7, high: 8 });
  expect(joined([{ low: 1, high: 5 }, { low: -2, high: 3 }])).toEqual({ low: -2, high: 5 });
  expect(colored(["red", "green", "blue", "alpha"].map((name) => band(name)))).toBe(true);
  expect(colored(["band 1", "band 2", "band 3"].map((name) => band(name)))).toBe(false);
  expect([1, 2, 3, 9].map((count) => firstBands(Array.from({ length: count }, () => band("b"))))).toEqual([[0], [0], [0, 1, 2], [0, 1, 2]]);
});

test("a code's grey is its value's place in the window", () => {
  const table = tableOf({ low: -100, high: 155 }, { offset: -32768, scale: 1, bits: 16 });
  const grey = (value: number): number => table[value + 32768]!;
  expect([grey(-32768), grey(-100), grey(-99), grey(0), grey(155), grey(32767)]).toEqual([0, 0, 1, 100, 255, 255]);
  const flat = tableOf({ low: 3, high: 3 }, { offset: 0, scale: 1, bits: 8 });
  expect([flat[2], flat[4]]).toEqual([0, 255]);
});

test("one band is grey, three are colours", () => {
  const table = tableOf({ low: 0, high: 255 }, { offset: 0, scale: 1, bits: 8 });
  const out = new Uint8ClampedArray(8);
  paint({ width: 2, height: 1, planes: [Uint8Array.of(7, 200)] }, [table], out);
  expect([...out]).toEqual([7, 7, 7, 255, 200, 200, 200, 255]);
  paint({ width: 2, height: 1, planes: [Uint8Array.of(1, 2), Uint8Array.of(3, 4), Uint8Array.of(5, 6)] }, [table, table, table], out);
  expect([...out]).toEqual([1, 3, 5, 255, 2, 4, 6, 255]);
});

test("packed codes come out band after band, and what does not fit is refused", async () => {
  const codes = Uint16Array.of(1, 1, 1, 4, 1, 59_995, 7, 1, 1, 10, 1, 65_535);
  const packed = await new Response(new Blob([codes]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer();
  const { planes } = await unpacked(new DataView(packed), { width: 3, height: 2, bits: 16 });
  expect(planes.map((one) => [...one])).toEqual([[1, 2, 3, 4, 5, 60_000], [7, 8, 9, 10, 11, 10]]);
  await expect(unpacked(new DataView(packed), { width: 100, height: 100, bits: 16 })).rejects.toThrow("is not 100 × 100");
});

const camera = { x: 0, y: 0, zoom: 1 };
const view = { w: 600, h: 400 };

/** A 2D context that notes what is drawn on it. */
function paper() {
  const drawn: unknown[][] = [];
  const ctx = { save() {}, restore() {}, setTransform() {}, beginPath() {}, rect() {}, clip() {}, drawImage: (...what: unknown[]) => drawn.push(what) };
  return { ctx: ctx as unknown as CanvasRenderingContext2D, drawn };
}

const bitmap = (): Arrived => ({ bitmap: { width: 258, height: 258, close() {} } as ImageBitmap });

test("what the view needs comes before what is around it, some at a time; then it is settled", async () => {
  const asked: string[][] = [];
  const open: (() => void)[] = [];
  const tiles = new TileSet({
    size: { w: 5000, h: 5000 }, lastLevel: 13, coding: null,
    fetch: (places) => {
      asked.push(places.map(keyOf));
      return new Promise((resolve) => open.push(() => resolve(places.map(bitmap))));
    },
  });
  const { ctx, drawn } = paper();
  tiles.onChange = () => tiles.draw(ctx, camera, view, 1);
  tiles.draw(ctx, camera, view, 1);
  expect(asked.map((one) => one.length)).toEqual([6, 1]);
  expect(asked[0]![0]).toBe("8/0_0");
  expect(asked.flat().slice(1).sort()).toEqual(["13/0_0", "13/0_1", "13/1_0", "13/1_1", "13/2_0", "13/2_1"]);
  expect(tiles.settled).toBe(false);
  for (let n = 0; n < 20; n++) {
    open.shift()?.();
    await new Promise((resolve) => setTimeout(resolve));
    expect(tiles.settled).toBe(n > 0);
  }
  expect(new Set(asked.flat()).size).toBe(asked.flat().length);
  expect(asked.flat()).toHaveLength(1 + 6 + 6);
  drawn.length = 0;
  tiles.draw(ctx, camera, view, 1);
  expect(drawn).toHaveLength(6);
  tiles.dispose();
});

test("a tile that fails is asked for again, and given up in the end, aloud", async () => {
  vi.useFakeTimers();
  try {
    let tries = 0;
    const tiles = new TileSet({ size: { w: 200, h: 200 }, lastLevel: 8, coding: null, fetch: () => (tries++, Promise.reject(new Error("no"))) });
    const { ctx } = paper();
    const faults: unknown[] = [];
    tiles.onFault = (error) => faults.push(error);
    tiles.onChange = () => tiles.draw(ctx, camera, view, 1);
    tiles.draw(ctx, camera, view, 1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(tries).toBe(4);
    expect(faults).toHaveLength(1);
    expect(tiles.settled).toBe(true);
    tiles.dispose();
  } finally {
    vi.useRealTimers();
  }
});

test("other bands are other tiles; another window is not", async () => {
  const asked: (readonly number[])[] = [];
  const codes = { width: 200, height: 200, planes: [new Uint16Array(40_000).fill(321)] };
  const tiles = new TileSet({
    size: { w: 200, h: 200 }, lastLevel: 8, coding: { offset: 1000, scale: 2 },
    fetch: (places, bands) => (asked.push(bands), Promise.resolve(places.map(() => ({ codes })))),
  });
  tiles.begin();
  expect(asked).toHaveLength(0);
  tiles.view = { bands: [2], windows: [{ low: 0, high: 1 }] };
  await new Promise((resolve) => setTimeout(resolve));
  tiles.view = { bands: [2], windows: [{ low: 0, high: 9 }] };
  expect(asked).toEqual([[2]]);
  expect(tiles.valuesAt({ x: 12.7, y: 199.9 })).toEqual([1642]);
  expect(tiles.valuesAt({ x: 12.7, y: 200 })).toBeNull();
  tiles.view = { bands: [0], windows: [{ low: 0, high: 9 }] };
  expect(tiles.valuesAt({ x: 12, y: 10 })).toBeNull();
  await new Promise((resolve) => setTimeout(resolve));
  expect(asked).toEqual([[2], [0]]);
});

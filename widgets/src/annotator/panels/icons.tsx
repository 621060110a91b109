// Icons as 16 × 16 strokes in the current colour.
const paths = {
  select: "M3 2.5l9.5 4.6-4.1 1.3-1.4 4.1z",
  box: "M3 4.5h10v7.5H3zM2 3.5h2v2H2zM12 3.5h2v2h-2zM2 11h2v2H2zM12 11h2v2h-2z",
  polygon: "M4 3.5l8 1.5 1 5-5.5 3L2.5 9z",
  rotated: "M7 2l7 5-5 7-7-5z",
  polyline: "M2 12l4-8 4 6 4-7",
  points: "M4 5a.8.8 0 100-.01M11.5 4a.8.8 0 100-.01M8 12a.8.8 0 100-.01",
  ellipse: "M8 3.5c3.600 0 6 2 6 4.5s-2.400 4.5-6 4.5-6-2-6-4.5 2.400-4.5 6-4.5z",
  brush: "M13.5 2.5l-6 6M9 7.5c1.5 1.5 1 3-.500 4-1.5 1-3.5 1-6 .5 1.5-.8 1.5-2 2-3.2.6-1.600 2.5-2.800 4.5-1.300z",
  eraser: "M6 13h7M3 10.5l6-7 4.5 4-5 5.5H5z",
  slice: "M2.5 9.2V2.5h6.7zM6.8 13.5h6.7V6.8z",
  hole: "M3 3h10v10H3zM6.2 8a1.800 1.800 0 103.600 0 1.800 1.800 0 00-3.600 0z",
  magnet: "M3 2.5h3v5.2a2 2 0 0 0 4 0V2.5h3v5.2a5 5 0 0 1-10 0zM3 5.2h3M10 5.2h3",
  sam: "M8 1.8l1.3 3.9L13.2 7 9.3 8.3 8 12.2 6.7 8.3 2.8 7l3.9-1.3zM13 11.2v3M11.5 12.7h3",
  everything: "M2.5 2.5h4.500v4.500h-4.500zM9.500 2.500l4 2.200-2 3.300-3-1.500zM4.700 13.500a2.200 2.200 0 100-4.400 2.200 2.200 0 000 4.400zM12 9.500v4.500M9.800 11.700h4.500",
  mask: "M3 8c0-3 2.5-5 5-4.5S13 5 13 8s-3 5-6 4.5S3 10.5 3 8z",
  keypoints: "M4 4.5a1 1 0 100-.01M11.5 4a1 1 0 100-.01M8 12a1 1 0 100-.01M4.5 5l3 6M11.2 4.8L8.3 11",
  previous: "M10 3L5 8l5 5",
  next: "M6 3l5 5-5 5",
  undo: "M3.5 6.5h6a3.5 3.5 0 010 7H6M3.5 6.5L6.5 3.5M3.5 6.5l3 3",
  redo: "M12.5 6.5h-6a3.5 3.5 0 000 7H10M12.5 6.5l-3-3M12.5 6.5l-3 3",
  minus: "M3.5 8h9",
  plus: "M3.5 8h9M8 3.5v9",
  fit: "M2.5 5.5v-3h3M13.5 5.5v-3h-3M2.5 10.5v3h3M13.5 10.5v3h-3",
  check: "M3 8.5l3.5 3.5L13 4.5",
  warning: "M8 2.5l6 11H2zM8 6.5v3.5M8 11.8v.2",
  offline: "M4.5 12.5h7a2.5 2.5 0 00.4-4.970A4 4 0 004.2 7 2.8 2.8 0 004.5 12.5zM2.5 2.5l11 11",
  saving: "M8 2a6 6 0 106 6",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 10a2 2 0 100-4 2 2 0 000 4z",
  eyeOff: "M2.5 2.5l11 11M6.3 6.4a2 2 0 002.9 2.8M4 4.8C2.4 6 1.5 8 1.5 8s2.5 4.5 6.5 4.5c1.2 0 2.3-.4 3.2-1M7 3.6c4.6-.6 7.5 4.4 7.5 4.4s-.6 1.1-1.6 2.2",
  bin: "M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.6 9h5.8l.6-9M6.8 7v4M9.2 7v4",
  close: "M4 4l8 8M12 4l-8 8",
  help: "M6 6a2 2 0 114 0c0 1.5-2 1.6-2 3.2M8 11.8v.2M8 14.5a6.5 6.5 0 100-13 6.5 6.5 0 000 13z",
  panel: "M2.5 3h11v10h-11zM10 3v10",
  elsewhere: "M6.5 3.5h-3v9h9v-3M9 3h4v4M13 3L7.5 8.5",
  locked: "M4 7.5h8v6H4zM5.5 7.5V5.5a2.5 2.5 0 015 0v2",
  unlocked: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 014.8-.9",
  copy: "M6 6h7.5v7.5H6zM10 6V2.5H2.5V10H6",
  front: "M2.5 2.5h6v2M2.5 2.5v6h2M6 6h7.5v7.5H6zM9.800 11.5v-3M8.300 9.600l1.5-1.5 1.5 1.5",
  rear: "M2.5 2.5h6v2M2.5 2.5v6h2M6 6h7.5v7.5H6zM9.800 8.200v3M8.300 10l1.5 1.5 1.5-1.5",
  alignLeft: "M2.5 2v12M5 4h8v2.5H5zM5 9.5h5V12H5z",
  alignCenter: "M8 2v12M3.5 4h9v2.5h-9zM5.5 9.5h5V12h-5z",
  alignRight: "M13.5 2v12M3 4h8v2.5H3zM6 9.5h5V12H6z",
  alignTop: "M2 2.5h12M4 5h2.5v8H4zM9.5 5H12v5H9.5z",
  alignMiddle: "M2 8h12M4 3.5h2.5v9H4zM9.5 5.5H12v5H9.5z",
  alignBottom: "M2 13.5h12M4 3h2.5v8H4zM9.5 6H12v5H9.5z",
  evenAcross: "M2.5 2v12M13.5 2v12M6.500 4.500h3v7h-3z",
  evenDown: "M2 2.5h12M2 13.5h12M4.500 6.500h7v3h-7z",
  group: "M4.500 4.500h5v4h-5zM7.500 8.500v3h4v-4h-2M2.500 4v-1.500h1.500M12 2.500h1.500v1.500M13.500 12v1.500h-1.500M4 13.500h-1.500v-1.500",
  candidates: "M2.5 5.5h8v8h-8zM5.5 2.5h8v8",
  hover: "M8 5.500a2.5 2.5 0 100 5 2.5 2.5 0 000-5zM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2",
  refine: "M8.500 12.500h-4l-2-4.500 3-5h4.500l2.500 3.500M9.500 9.500l4-1-1 4-1.200-1.200-2.300 2.300",
  boxMasks: "M2.500 2.500h11v11h-11zM8 5c2 0 3.500 1.300 3.500 3s-1 3-3.500 3-3.500-1-3.500-2.700S6 5 8 5z",
  sticky: "M6 2.5h4l-.5 4 2.5 2.5H4l2.5-2.5zM8 9v5",
  search: "M7 11.5a4.5 4.5 0 100-9 4.5 4.5 0 000 9zM10.3 10.3l3.2 3.2",
  image: "M2.5 3h11v10h-11zM2.5 11l3.2-3.4 2.6 2.6 2.2-2 3 2.8M10.5 6.2v.1",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, spin = false }: { name: IconName; spin?: boolean }) {
  return (
    <svg class={spin ? "evalnb-icon evalnb-spin" : "evalnb-icon"} viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

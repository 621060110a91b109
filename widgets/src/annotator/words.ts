// What the canvas calls the other side, and what to do when it is away.

export interface Words {
  readonly waiting: { readonly title: string; readonly text: string };
  readonly gone: { readonly title: string; readonly text: string; readonly badge: string };
  readonly offline: string;
}

export const kernelWords: Words = {
  waiting: {
    title: "Waiting for the kernel",
    text: "It is busy with another cell, or was shut down. If this notebook was just opened, run the cell again.",
  },
  gone: { title: "The kernel was restarted", text: "Run the cell again to go on.", badge: "Kernel ended" },
  offline: "The kernel does not answer. Unsaved edits are kept in this browser and sent again when it does.",
};

export const serverWords: Words = {
  waiting: { title: "Connecting to the server", text: "It does not answer yet. This page goes on trying." },
  gone: { title: "You are signed out", text: "Sign in again to go on.", badge: "Signed out" },
  offline: "The server does not answer. Unsaved edits are kept in this browser and sent again when it does.",
};

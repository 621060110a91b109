import { join } from "node:path";
import type { NextConfig } from "next";

const config: NextConfig = {
  output: "standalone",
  // The workspace's root: its node_modules are where the dependencies are.
  outputFileTracingRoot: join(import.meta.dirname, ".."),
  turbopack: { root: join(import.meta.dirname, "..") },
  poweredByHeader: false,
  reactStrictMode: true,
  // `make check` runs tsc; a build that is only to start quickly does not run it again.
  typescript: { ignoreBuildErrors: true },
  // Pictures come from the API with the reader's cookie, in the size that is asked for: nothing to optimise here.
  images: { unoptimized: true },
  experimental: { optimizePackageImports: ["lucide-react", "radix-ui"] },
  async headers() {
    return [
      {
        source: "/:path*",
        headers: [
          { key: "X-Content-Type-Options", value: "nosniff" },
          { key: "Referrer-Policy", value: "same-origin" },
          { key: "Permissions-Policy", value: "camera=(), microphone=(), geolocation=()" },
          { key: "Cross-Origin-Opener-Policy", value: "same-origin" },
        ],
      },
    ];
  },
};

export default config;

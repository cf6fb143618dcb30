import type { NextConfig } from "next";

const config: NextConfig = {
  // Next would gather small pieces of a live stream to compress them.
  compress: false,
  poweredByHeader: false,
};

export default config;

import base from "./playwright.config.ts";

// Builds the Next.js example and drives it: `npx playwright test -c e2e/nextjs.config.ts`.
export default { ...base, testMatch: "nextjs.ts", workers: 1, timeout: 600_000 };

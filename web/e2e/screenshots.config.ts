import base from "./playwright.config.ts";

// Takes the pictures in docs/screenshots: `npx playwright test -c e2e/screenshots.config.ts`.
export default { ...base, projects: undefined, testMatch: "screenshots.ts", workers: 1, timeout: 1_200_000 };

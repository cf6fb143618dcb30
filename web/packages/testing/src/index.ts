export * from "./execution.js";
export type { Refusal } from "./host.js";
export type { NewEvent } from "./journals.js";
export * from "./server.js";

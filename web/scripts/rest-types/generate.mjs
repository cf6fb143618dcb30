// Writes packages/client/src/rest.gen.ts, the types of REST, from docs/openapi.json:
//   npm ci --prefix scripts/rest-types && npm run rest-types
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const document = JSON.parse(readFileSync(new URL("../../../docs/openapi.json", import.meta.url), "utf8"));
const types = astToString(await openapiTS(document, { immutable: true, alphabetize: true }));
const head = "// Code generated from docs/openapi.json by scripts/rest-types; DO NOT EDIT.\n\n";
writeFileSync(new URL("../../packages/client/src/rest.gen.ts", import.meta.url), head + types);

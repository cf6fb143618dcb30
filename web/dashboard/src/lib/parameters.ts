/** What is known of one parameter without the logic of forms, which is loaded with the forms. */
export interface Parameter {
  readonly name: string;
  readonly fallback: unknown;
  readonly required: boolean;
}

/** An agent's parameters, as its JSON Schema lists them. */
export function parametersOf(schema: unknown): readonly Parameter[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties, required } = schema as { readonly properties?: unknown; readonly required?: unknown };
  if (typeof properties !== "object" || properties === null) return [];
  const needed = new Set(Array.isArray(required) ? required.map(String) : []);
  return Object.entries(properties).map(([name, field]: [string, unknown]) => ({
    name,
    fallback:
      typeof field === "object" && field !== null ? (field as { default?: unknown }).default : undefined,
    required: needed.has(name),
  }));
}

/** What somebody looks for in lines: text, or an expression in RE2 syntax. */
export interface FindQuery {
  readonly text: string;
  readonly regex: boolean;
  readonly caseSensitive: boolean;
}

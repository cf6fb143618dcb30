/** The log viewers that are mounted, oldest first: lines in the page's address are meant for one of them. */
export class Viewers {
  readonly #names: { readonly name: string }[] = [];

  /** A viewer is there. The returned function says that it has gone. */
  add(name: string): { readonly place: Place; leave(): void } {
    const one = { name };
    this.#names.push(one);
    const names = this.#names;
    return {
      place: {
        get alone() {
          return names.length === 1;
        },
        get first() {
          return names[0] === one;
        },
      },
      leave() {
        const at = names.indexOf(one);
        if (at >= 0) names.splice(at, 1);
      },
    };
  }
}

/** Where a viewer stands among the others. */
export interface Place {
  readonly alone: boolean;
  readonly first: boolean;
}

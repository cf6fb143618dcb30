import {
  Component,
  type ComponentType,
  createElement,
  type LazyExoticComponent,
  lazy,
  type ReactNode,
  Suspense,
  useState,
} from "react";

/** A part of the page whose code is loaded when it is wanted. */
export interface Part<P> {
  (props: P): ReactNode;
  /** Loads its code ahead of that. */
  preload(): Promise<void>;
}

export interface PartOptions {
  /** What it is, in a sentence: `The report` */
  readonly name: string;
  /** In its place until it is here. */
  readonly loading?: ReactNode;
  /** Draws what is said when its code can't be had; default: a line in its place. */
  readonly failed?: (said: FailedPart) => ReactNode;
}

export interface FailedPart {
  readonly name: string;
  readonly error: Error;
  retry(): void;
}

/**
 * Makes a part. Where its code can't be loaded (no network, or a newer version has taken its place) only
 * the part is replaced, by a word and two ways on; the page around it stays.
 */
export function part<P extends object>(
  load: () => Promise<{ readonly default: ComponentType<P> }>,
  { name, loading = null, failed = lineFor }: PartOptions,
): Part<P> {
  let ready: ComponentType<P> | null = null;
  const get = async () => {
    const module = await load();
    ready = module.default;
    return module;
  };
  const made = (): LazyExoticComponent<ComponentType<P>> => lazy(get);
  // What was loaded once is kept for all who draw it; after a failure it is asked for anew.
  let shared = made();
  // biome-ignore lint/correctness/noComponentHookFactories: made once, where a module is loaded
  const Loaded = (props: P): ReactNode => {
    const [current, setCurrent] = useState<{ readonly content: typeof shared | ComponentType<P> }>(() => ({
      // What is here already is drawn at once, without a moment of nothing.
      content: ready ?? shared,
    }));
    return (
      <Boundary
        failed={(error, reset) =>
          failed({
            name,
            error,
            retry: () => {
              shared = made();
              setCurrent({ content: shared });
              reset();
            },
          })
        }
      >
        <Suspense fallback={loading}>{createElement(current.content as ComponentType<P>, props)}</Suspense>
      </Boundary>
    );
  };
  return Object.assign(Loaded, { preload: () => get().then(() => {}) });
}

/** Whether an error says that code could not be loaded, and not that it is wrong. */
export function isLoadFailure(error: unknown): boolean {
  return (
    error instanceof Error &&
    /dynamically imported module|importing a module script failed|error loading dynamically|unable to preload/i.test(
      error.message,
    )
  );
}

function lineFor({ name, error, retry }: FailedPart): ReactNode {
  return (
    <div role="alert" className="flex flex-wrap items-center gap-2 px-3.5 py-2 text-ink-2">
      <span>
        {name} {isLoadFailure(error) ? "could not be loaded." : `broke: ${error.message}`}
      </span>
      <Ways retry={retry} />
    </div>
  );
}

/** The two ways on. A reload is never done by itself: it would lose what is on the screen. */
export function Ways({ retry }: { retry(): void }): ReactNode {
  return (
    <>
      <button type="button" className="cops-button" onClick={retry}>
        Try again
      </button>
      <button type="button" className="cops-button" onClick={() => location.reload()}>
        Reload the page
      </button>
    </>
  );
}

interface BoundaryProps {
  readonly children: ReactNode;
  failed(error: Error, reset: () => void): ReactNode;
}

class Boundary extends Component<BoundaryProps, { readonly error: Error | null }> {
  override state = { error: null as Error | null };

  static getDerivedStateFromError(cause: unknown): { error: Error } {
    return { error: cause instanceof Error ? cause : new Error(String(cause)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return this.props.failed(error, () => this.setState({ error: null }));
  }
}

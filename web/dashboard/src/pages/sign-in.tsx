import { type FormEvent, type ReactNode, useState } from "react";
import { serverUrl } from "../lib/place.ts";
import { useTitle } from "../lib/title.ts";
import { Mark } from "../shell/top.tsx";

/** The door: by link, or by the token. */
export default function SignIn({ onSignedIn }: { onSignedIn(): void }): ReactNode {
  useTitle("Sign in");
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [sending, setSending] = useState(false);
  const used = new URLSearchParams(location.search).has("ticket");

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (token.trim() === "") {
      setProblem("Paste the token first.");
      return;
    }
    setSending(true);
    setProblem(null);
    try {
      const answer = await fetch(serverUrl("login"), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ token: token.trim() }),
      });
      if (!answer.ok) throw new Error(await refusal(answer));
      setToken("");
      // The ticket of a link that has been used must not stay in the address.
      if (location.pathname.endsWith("/login")) history.replaceState(null, "", serverUrl("./"));
      onSignedIn();
    } catch (error) {
      setProblem(
        error instanceof TypeError
          ? "The server does not answer. Is it running?"
          : error instanceof Error
            ? error.message
            : String(error),
      );
    } finally {
      setSending(false);
    }
  };
  return (
    <main id="main" className="m-auto w-full max-w-[440px] px-4 py-12">
      <div className="flex items-center gap-2.5 mb-5 text-[17px] font-[650] tracking-[-0.01em]">
        <Mark size={24} />
        ClaudeOps
      </div>
      <div className="box p-6 grid gap-5">
        <div className="grid gap-1.5">
          <h1 className="text-[15px] font-semibold">
            {used ? "This link has been used, or is too old" : "Sign in"}
          </h1>
          <p className="text-ink-2">
            Open the link that <code className="font-mono text-[12.5px] text-ink">claudeops serve</code>{" "}
            printed, or get a new one with{" "}
            <code className="font-mono text-[12.5px] text-ink">claudeops open</code>. A link works once.
          </p>
        </div>
        <form className="grid gap-3" onSubmit={submit} noValidate>
          <div className="cops-field">
            <label htmlFor="token">Or paste the token</label>
            <input
              id="token"
              name="token"
              type="password"
              autoComplete="current-password"
              spellCheck={false}
              value={token}
              aria-invalid={problem !== null || undefined}
              aria-describedby="token-about"
              onChange={(event) => setToken(event.target.value)}
            />
            <span id="token-about" className="cops-about">
              <code className="font-mono text-[12px]">claudeops token</code> prints it on the server's
              machine.
            </span>
          </div>
          {problem && (
            <p className="cops-error" role="alert">
              {problem}
            </p>
          )}
          <button type="submit" className="cops-button cops-primary" disabled={sending}>
            {sending ? "Signing in…" : "Sign in"}
          </button>
        </form>
      </div>
    </main>
  );
}

async function refusal(answer: Response): Promise<string> {
  if (answer.status === 401) return "That token is not the right one.";
  try {
    const { detail } = (await answer.json()) as { detail?: unknown };
    if (typeof detail === "string") return detail;
  } catch {
    // Not a problem document: the status must do.
  }
  return `The server refused: ${answer.status} ${answer.statusText}`;
}

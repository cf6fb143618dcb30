import Link from "next/link";

export default function Home() {
  return (
    <main className="home">
      <h1>Operations</h1>
      <p>The same page twice, by the two ways to a ClaudeOps server:</p>
      <ul>
        <li>
          <Link href="/direct">Directly</Link>: the browser talks to the server, with a token this app makes for it.
        </li>
        <li>
          <Link href="/proxied">Through this app</Link>: the browser knows only this origin; the token stays here.
        </li>
      </ul>
    </main>
  );
}

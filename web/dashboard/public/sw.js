// The offline shell: when the server does not answer, opening a page gives the page as it was last, which
// says that it is not connected. Everything else goes past this: scripts are kept by the browser, since
// their names change with their content, and data is never kept.
const SHELL = "claudeops-shell";
const scope = new URL(self.registration.scope);

self.addEventListener("install", (event) => {
  event.waitUntil(
    fetch(scope.href)
      .then(keep)
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode !== "navigate" || request.method !== "GET" || !isPage(new URL(request.url))) return;
  event.respondWith(
    fetch(request)
      .then((answer) => {
        event.waitUntil(keep(answer.clone()));
        return answer;
      })
      .catch(async (error) => {
        const kept = await caches.match(scope.href, { cacheName: SHELL });
        if (kept) return kept;
        throw error;
      }),
  );
});

async function keep(answer) {
  if (!answer.ok || answer.redirected || !answer.headers.get("Content-Type")?.startsWith("text/html")) return;
  const shell = await caches.open(SHELL);
  await shell.put(scope.href, answer);
}

/** The pages of the dashboard: all are the same file. */
function isPage(url) {
  if (!url.pathname.startsWith(scope.pathname)) return false;
  const [first] = url.pathname.slice(scope.pathname.length).split("/");
  return ["", "executions", "agents", "approvals", "costs", "system"].includes(first);
}

// Plays a review for screenshots: what it says is made up, how it says it is not.
const lines = [
  "\x1b[36mRead\x1b[0m  internal/feed/feed.go  \x1b[2m812 lines\x1b[0m",
  "The live edge is advanced under the same lock as the subscriber list, so a reader that",
  "joins between the two sees each event exactly once.",
  "::warning::warning: catchUp holds the lock while it reads from disk",
  '\x1b[36mGrep\x1b[0m  "func .*catchUp"  \x1b[2m3 matches in 2 files\x1b[0m',
  "internal/feed/reader.go:88:func (r *reader) catchUp(ctx context.Context) error {",
  "internal/feed/reader.go:140:func (r *reader) catchUpOnce(b []byte) (int, error) {",
  "I will move the read out of the lock and re-check the head afterwards.",
  "\x1b[36mEdit\x1b[0m  internal/feed/reader.go  \x1b[32m+14\x1b[0m \x1b[31m−6\x1b[0m",
  "::group::go test ./internal/feed/ -race -count 50",
  "\x1b[32mok\x1b[0m    feed/subscribe   1.204s",
  "\x1b[32mok\x1b[0m    feed/replay      0.871s",
  "::endgroup::",
  "::error::--- FAIL: TestFeed_Subscribe/resumes_after_restart (0.02s)",
  "::error::    feed_test.go:131: seq 4097 after 4095",
  "The head must be read before the lock is given back. Second try.",
  "\x1b[36mEdit\x1b[0m  internal/feed/reader.go  \x1b[32m+3\x1b[0m \x1b[31m−2\x1b[0m",
  '{"tool":"bash","command":"go test ./internal/feed/ -race -count 500","exit":0,"seconds":6.9}',
  "Why it matters: https://go.dev/ref/mem#locks",
];
const rooms = ["feed", "gateway", "journal", "index", "supervisor"];
let written = 0;
setInterval(() => {
  process.stdout.write(`${lines[written % lines.length]}\n`);
  written++;
  if (written % 12 === 0) {
    const share = Math.min(97, Math.round(60 * (1 - Math.exp(-written / 160)) + written / 40));
    process.stdout.write(
      `::progress ${share}::reading internal/${rooms[Math.floor(written / 12) % rooms.length]}\n`,
    );
  }
}, 90);

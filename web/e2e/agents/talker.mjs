import { writeFileSync } from "node:fs";

const say = (line) => process.stdout.write(`${line}\n`);
say("plain text");
say("<script>window.owned = 3</script><img src=x onerror='window.owned = 4'>");
say("\x1b]8;;javascript:window.owned=5\x07press me\x1b]8;;\x07");
say(
  "\x1b[31mred\x1b[0m \x1b[38;5;141mpalette\x1b[0m \x1b[38;2;255;150;50mtrue colour\x1b[0m \x1b[1;4mbold\x1b[0m",
);
say("an address: https://example.com/a?b=c#d.");
say('{"event":"edit","file":"reader.go","added":14}');
process.stdout.write("10 %\r50 %\r100 %\n");
say("::group::Build");
say("inside the group");
say("::endgroup::");
say("::debug::details");
say("::warning::careful");
say("::error::it broke");
say("::progress 60::half way");
process.stderr.write("on stderr\n");
for (let i = 1; i <= 300; i++) say(`filler ${i}${i % 50 === 0 ? " needle" : ""}`);
writeFileSync(process.env.CLAUDEOPS_RESULT, JSON.stringify({ summary: "<b>said</b> everything" }));
say("the last line");

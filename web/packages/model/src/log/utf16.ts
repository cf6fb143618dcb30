/**
 * The text of a line that was written as UTF-16, as some programs do on other systems; null for any
 * other. A line is split at the byte 0x0a, so one byte of a line end belongs to the next line. The
 * server reads lines in the same way for its search.
 */
export function decodeUtf16(message: string, raw: string | undefined): string | null {
  if (raw === undefined && !message.includes("\0")) return null;
  const bytes = raw === undefined ? bytesOf(message) : bytesOfBase64(raw);
  if (bytes === null) return null;
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return decode(bytes.subarray(2), false);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return decode(bytes.subarray(2), true);
  if (bytes.length < 4) return null;
  const nul = [0, 0];
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0) (nul[i % 2] as number) += 1;
  const [even, odd] = nul as [number, number];
  if (even + odd === 0) return null;
  const half = Math.floor(bytes.length / 2);
  if (even === 0 && odd * 2 >= half) return decode(bytes, false);
  if (odd === 0 && even * 2 >= half) return decode(bytes, true);
  return null;
}

function decode(bytes: Uint8Array, big: boolean): string {
  const units: number[] = [];
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    const [low, high] = big ? [bytes[i + 1], bytes[i]] : [bytes[i], bytes[i + 1]];
    units.push(((high as number) << 8) | (low as number));
  }
  let text = "";
  for (let i = 0; i < units.length; i += 4096) text += String.fromCharCode(...units.slice(i, i + 4096));
  return text;
}

function bytesOf(message: string): Uint8Array {
  return new TextEncoder().encode(message);
}

function bytesOfBase64(raw: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(raw), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

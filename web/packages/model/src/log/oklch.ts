/**
 * Lightness (0 to 1), chroma and hue (degrees) of a colour as `#rrggbb`, in OKLCH: what a stylesheet needs to
 * draw it lighter or darker without changing its hue.
 */
export function oklchOf(colour: string): readonly [l: number, c: number, h: number] {
  const value = Number.parseInt(colour.slice(1), 16);
  const [r = 0, g = 0, b = 0] = [value >> 16, (value >> 8) & 255, value & 255].map(linear);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const lightness = 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s;
  const green = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s;
  const blue = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
  const hue = (Math.atan2(blue, green) * 180) / Math.PI;
  return [short(lightness), short(Math.hypot(green, blue)), short(hue < 0 ? hue + 360 : hue)];
}

/** A channel of sRGB, 0 to 255, as light. */
function linear(channel: number): number {
  const part = channel / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

function short(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

/** How numbers, times and sizes are written, everywhere the same. Pure; the locale is fixed to keep columns alike. */

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** `12,408` */
export function formatCount(value: number): string {
  return grouped.format(value);
}

/** `1 line`, `12,408 lines` */
export function formatPlural(value: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(value)} ${value === 1 ? one : many}`;
}

/** A finished duration: `240 ms`, `3.1 s`, `41 s`, `6:02`, `1:02:03`, `2 d 4 h`. */
export function formatDuration(ms: number): string {
  if (!(ms >= 0)) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 59_500) return `${Math.round(ms / 1000)} s`;
  return formatClock(ms);
}

/** A running clock: `0:07`, `2:14`, `1:02:03`, `2 d 4 h`. */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** `812 B`, `41.2 KiB`, `1.3 GiB` */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `950`, `41.2 k`, `1.3 M` */
export function formatShort(value: number): string {
  if (value < 1000) return String(value);
  if (value < 999_950) return `${(value / 1000).toFixed(value < 99_950 ? 1 : 0)} k`;
  return `${(value / 1_000_000).toFixed(1)} M`;
}

/** `$0.18`, `$0.0042`, `$12.40` */
export function formatUsd(usd: number): string {
  return usd !== 0 && Math.abs(usd) < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`;
}

/** `14:02` today, `Nov 21, 14:02` this year, `2025-11-21 14:02` before. */
export function formatWhen(at: number, now: number): string {
  const date = new Date(at);
  const today = new Date(now);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (date.toDateString() === today.toDateString()) return clock;
  if (date.getFullYear() === today.getFullYear()) {
    return `${MONTHS[date.getMonth()]} ${date.getDate()}, ${clock}`;
  }
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** The whole instant, for titles: `2026-11-22 14:02:11.201 (local)` with the offset. */
export function formatInstant(at: number): string {
  const date = new Date(at);
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? "−" : "+";
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${localTime(date)} ${zone}`;
}

export type TimeMode = "off" | "relative" | "local" | "utc";

/** The time column of a log row; `origin` is what relative times count from. */
export function formatRowTime(at: number, mode: TimeMode, origin: number): string {
  if (mode === "off" || Number.isNaN(at)) return "";
  const date = new Date(at);
  if (mode === "local") return localTime(date);
  if (mode === "utc") return date.toISOString().slice(11, 23);
  const ms = Math.max(0, at - origin);
  return `+${formatClock(ms)}.${String(Math.floor(ms % 1000)).padStart(3, "0")}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function localTime(date: Date): string {
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

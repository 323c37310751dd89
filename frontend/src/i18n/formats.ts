import { useMemo } from "react";
import { type Preferences, usePreferences } from "@/preferences";
import { locales, text } from "./text";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Numbers, times and sizes as the person reads them: in their language and in the zone they chose. */
export interface Formats {
  /** `21 Nov 14:02:07`, with the year when it is not this one. */
  exact: (at: Date | string) => string;
  /** `14:02:07`. */
  clock: (at: Date | string) => string;
  /** `3 h ago`, `in 5 min`. */
  relative: (at: Date | string, from?: Date) => string;
  /** `UTC`, or `UTC+8` for the person's own zone. */
  zoneName: string;
  number: (value: number) => string;
}

const caches = new Map<string, Formats>();

export function formatsFor({ language, zone }: Pick<Preferences, "language" | "zone">): Formats {
  const key = `${language} ${zone}`;
  const known = caches.get(key);
  if (known) {
    return known;
  }
  const made = makeFormats(locales[language], zone === "utc" ? "UTC" : undefined);
  caches.set(key, made);
  return made;
}

function makeFormats(locale: string, timeZone: string | undefined): Formats {
  const clockParts = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone } as const;
  const clock = new Intl.DateTimeFormat(locale, clockParts);
  const thisYear = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone });
  const otherYear = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", timeZone });
  const relative = new Intl.RelativeTimeFormat(locale, { style: "short", numeric: "always" });
  const number = new Intl.NumberFormat(locale);
  return {
    clock: (at) => clock.format(new Date(at)),
    exact: (at) => {
      const date = new Date(at);
      const days = date.getFullYear() === new Date().getFullYear() ? thisYear : otherYear;
      return `${days.format(date)} ${clock.format(date)}`;
    },
    relative: (at, from = new Date()) => {
      const ahead = new Date(at).getTime() - from.getTime();
      const size = Math.abs(ahead);
      if (size < minute) {
        return relative.format(Math.trunc(ahead / second), "second");
      }
      if (size < hour) {
        return relative.format(Math.trunc(ahead / minute), "minute");
      }
      return size < day
        ? relative.format(Math.trunc(ahead / hour), "hour")
        : relative.format(Math.trunc(ahead / day), "day");
    },
    zoneName: timeZone ?? offsetName(new Date()),
    number: (value) => number.format(value),
  };
}

function offsetName(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  const size = Math.abs(minutes);
  const rest = size % 60 === 0 ? "" : `:${String(size % 60).padStart(2, "0")}`;
  return minutes === 0 ? "UTC" : `UTC${minutes < 0 ? "−" : "+"}${Math.trunc(size / 60)}${rest}`;
}

export function useFormats(): Formats {
  const { language, zone } = usePreferences();
  return useMemo(() => formatsFor({ language, zone }), [language, zone]);
}

/** `2026-11-21T14:02:07.114Z`: for links, exports and tooltips. */
export function formatUtc(at: Date | string): string {
  return new Date(at).toISOString();
}

/** `1 h 12 m`, `12 m 5 s`, `3 s`, `0.4 s`. */
export function formatDuration(seconds: number): string {
  if (seconds < 10 && !Number.isInteger(seconds)) {
    return text("{seconds} s", { seconds: seconds.toFixed(1) });
  }
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.trunc(whole / 3600), Math.trunc((whole % 3600) / 60), whole % 60];
  if (hours > 0) {
    return minutes > 0 ? text("{hours} h {minutes} m", { hours, minutes }) : text("{hours} h", { hours });
  }
  if (minutes > 0) {
    return rest > 0 ? text("{minutes} m {seconds} s", { minutes, seconds: rest }) : text("{minutes} m", { minutes });
  }
  return text("{seconds} s", { seconds: rest });
}

/** `12:10`, `1:02:10`: an offset in a recording. */
export function formatOffset(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.trunc(whole / 3600);
  const rest = `${two(Math.trunc((whole % 3600) / 60))}:${two(whole % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** `84 B`, `1.2 MB`; powers of 1000, as the units say. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

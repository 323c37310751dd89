import { Text, Tooltip } from "@mantine/core";
import { useInterval } from "@mantine/hooks";
import { useState } from "react";
import { formatBytes, formatDuration, formatUtc, useFormats } from "@/i18n/formats";

interface TimeTextProps {
  at: string | null | undefined;
  /** Add `3 h ago`, dimmed. */
  relative?: boolean;
  /** The clock alone, for rows under a heading that has the day. */
  clock?: boolean;
}

/** Exact first; the tooltip gives UTC with milliseconds. */
export function TimeText({ at, relative = false, clock = false }: TimeTextProps) {
  const formats = useFormats();
  if (!at) {
    return <>–</>;
  }
  return (
    <Tooltip label={`${formatUtc(at)} UTC`}>
      <Text component="time" dateTime={formatUtc(at)} inherit style={{ whiteSpace: "nowrap" }}>
        {clock ? formats.clock(at) : formats.exact(at)}
        {relative && <RelativeTime at={at} />}
      </Text>
    </Tooltip>
  );
}

function RelativeTime({ at }: { at: string }) {
  const { relative } = useFormats();
  const [now, setNow] = useState(() => new Date());
  useInterval(() => setNow(new Date()), 15_000, { autoInvoke: true });
  return (
    <Text span inherit c="dimmed" ml={6}>
      {relative(at, now)}
    </Text>
  );
}

export function Duration({ seconds }: { seconds: number | null | undefined }) {
  return <span style={{ whiteSpace: "nowrap" }}>{seconds == null ? "–" : formatDuration(seconds)}</span>;
}

export function Bytes({ bytes }: { bytes: number }) {
  return <span style={{ whiteSpace: "nowrap" }}>{formatBytes(bytes)}</span>;
}

import { Anchor, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { apiUrl, send } from "@/api/client";
import { problemOf } from "@/api/problem";
import { useText } from "@/i18n/text";
import { EmptyState, ErrorAlert, LoadingRows } from "@/shell/Feedback";
import classes from "./Replay.module.css";

const mostShown = 2_000_000;
const linesPerBlock = 500;

/** Everything that was on the screen, as text: what screen readers and the browser's own search can use. */
export function Transcript({ id }: { id: string }) {
  const t = useText();
  const transcript = useQuery({
    queryKey: ["sessions", id, "transcript.txt"],
    queryFn: ({ signal }) => fetchText(apiUrl(`sessions/${id}/transcript.txt`), signal),
    staleTime: 60_000,
  });
  const blocks = useMemo(() => cut(transcript.data?.text ?? ""), [transcript.data]);
  if (transcript.isError) return <ErrorAlert error={transcript.error} retry={() => void transcript.refetch()} />;
  if (!transcript.isSuccess) return <LoadingRows rows={10} />;
  if (transcript.data.text.trim() === "") return <EmptyState title={t("Nothing was shown on this screen.")} />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is reachable by keyboard
    <section className={classes.scroll} tabIndex={0} aria-label={t("Transcript")}>
      {blocks.map(({ at, text }) => (
        <pre key={at} className={classes.transcript}>
          {text}
        </pre>
      ))}
      {transcript.data.isCut && (
        <Text size="sm" c="dimmed" p="sm">
          {t("This is the beginning of a long transcript.")}{" "}
          <Anchor href={apiUrl(`sessions/${id}/transcript.txt`, { download: 1 })} download>
            {t("Download all of it")}
          </Anchor>
        </Text>
      )}
    </section>
  );
}

/** The first two megabytes: the rest is not even fetched. */
async function fetchText(url: string, signal: AbortSignal): Promise<{ text: string; isCut: boolean }> {
  const response = await send("GET", url, undefined, signal);
  if (!response.ok || !response.body) throw await problemOf(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return { text, isCut: false };
    text += value;
    if (text.length > mostShown) {
      await reader.cancel();
      return { text: text.slice(0, mostShown), isCut: true };
    }
  }
}

/** Blocks that the browser lays out only when they come into sight. */
function cut(text: string): { at: number; text: string }[] {
  const lines = text.split("\n");
  const blocks: { at: number; text: string }[] = [];
  for (let at = 0; at < lines.length; at += linesPerBlock) {
    blocks.push({ at, text: lines.slice(at, at + linesPerBlock).join("\n") });
  }
  return blocks;
}

import { Badge, Button, Text, TextInput, Tooltip } from "@mantine/core";
import {
  IconClipboard,
  IconEyeOff,
  IconHelp,
  IconKeyboard,
  IconScan,
  IconTerminal,
  type TablerIcon,
} from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Command } from "@/api/types";
import { msg, useText } from "@/i18n/text";
import { EmptyState } from "@/shell/Feedback";
import { leadIn, useCurrent } from "./clock";
import { MomentRow } from "./MomentRow";
import classes from "./Replay.module.css";
import type { Replay } from "./useReplay";

interface CommandListProps {
  commands: readonly Command[];
  replay: Pick<Replay, "clock" | "seek"> | null;
  startedAt: string;
  /** Said when there are none. */
  hint: string;
}

/** Bound to the replay's time: the current row is kept in sight until the reader scrolls. */
export function CommandList({ commands, replay, startedAt, hint }: CommandListProps) {
  const t = useText();
  const [filter, setFilter] = useState("");
  const shown = useMemo(() => {
    const wanted = filter.trim().toLocaleLowerCase();
    return wanted ? commands.filter(({ command }) => command.toLocaleLowerCase().includes(wanted)) : commands;
  }, [commands, filter]);
  if (commands.length === 0) return <EmptyState title={t("No commands were found.")} hint={hint} />;
  return (
    <div className={classes.panel}>
      <TextInput
        size="xs"
        mb="xs"
        value={filter}
        placeholder={t("{count, plural, one {Filter # command} other {Filter # commands}}", { count: commands.length })}
        aria-label={t("Filter commands")}
        onChange={(event) => setFilter(event.currentTarget.value)}
      />
      {shown.length === 0 && (
        <Text size="sm" c="dimmed" p="sm">
          {t("No command matches.")}
        </Text>
      )}
      {replay ? (
        <BoundRows commands={shown} replay={replay} startedAt={startedAt} />
      ) : (
        <Rows commands={shown} startedAt={startedAt} />
      )}
    </div>
  );
}

interface RowsProps {
  commands: readonly Command[];
  startedAt: string;
  current?: number;
  seek?: (time: number) => void;
}

function BoundRows({ commands, replay, startedAt }: RowsProps & { replay: Pick<Replay, "clock" | "seek"> }) {
  return (
    <Rows commands={commands} startedAt={startedAt} current={useCurrent(replay.clock, commands)} seek={replay.seek} />
  );
}

function Rows({ commands, startedAt, current = -1, seek }: RowsProps) {
  const t = useText();
  const scroller = useRef<HTMLDivElement>(null);
  const [isFollowing, setFollowing] = useState(true);
  const rows = useVirtualizer({
    count: commands.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 42,
    overscan: 12,
  });
  useEffect(() => {
    if (isFollowing && current >= 0) rows.scrollToIndex(current, { align: "auto" });
  }, [current, isFollowing, rows]);
  return (
    <>
      <section
        className={classes.scroll}
        ref={scroller}
        aria-label={t("Commands")}
        onWheel={() => setFollowing(false)}
        onTouchMove={() => setFollowing(false)}
      >
        <ol className={classes.list} style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map(({ index, key, start }) => {
            const command = commands[index];
            return (
              command && (
                <li
                  key={key}
                  ref={rows.measureElement}
                  data-index={index}
                  style={{ position: "absolute", top: 0, left: 0, right: 0, transform: `translateY(${start}px)` }}
                >
                  <MomentRow
                    startedAt={startedAt}
                    t={command.t}
                    isCurrent={index === current}
                    isFuture={seek !== undefined && index > current}
                    aside={<Marks command={command} />}
                    onClick={() => {
                      setFollowing(true);
                      seek?.(Math.max(0, command.t - leadIn));
                    }}
                  >
                    <CommandText command={command} />
                  </MomentRow>
                </li>
              )
            );
          })}
        </ol>
      </section>
      {!isFollowing && (
        <Button size="compact-xs" variant="light" mt={4} onClick={() => setFollowing(true)}>
          {t("Follow the replay")}
        </Button>
      )}
    </>
  );
}

function CommandText({ command }: { command: Command }) {
  const t = useText();
  if (command.source !== "hidden") return command.command;
  return (
    <Text span inherit c="dimmed">
      ●●● {t("(not recorded)")}
    </Text>
  );
}

const sources: Record<string, { icon: TablerIcon; word: string }> = {
  "shell-mark": { icon: IconTerminal, word: msg("Marked by the shell") },
  screen: { icon: IconKeyboard, word: msg("Typed, read from the screen") },
  "screen-only": { icon: IconScan, word: msg("Read from the screen alone") },
  paste: { icon: IconClipboard, word: msg("Pasted") },
  exec: { icon: IconTerminal, word: msg("Run without a shell") },
  hidden: { icon: IconEyeOff, word: msg("Hidden input") },
};

const uncertainBelow = 0.6;

function Marks({ command }: { command: Command }) {
  const t = useText();
  const known = sources[command.source];
  const isUncertain = command.confidence < uncertainBelow;
  const Icon = isUncertain ? IconHelp : known?.icon;
  const word = known ? t(known.word) : command.source;
  const label = isUncertain ? t("Uncertain: {source}", { source: word }) : word;
  const { exit_status: status } = command;
  return (
    <span style={{ display: "inline-flex", gap: 6, alignItems: "center" }}>
      {status !== null && status !== 0 && (
        <Tooltip label={t("Exit status {status}", { status })}>
          <Badge size="sm" color="yellow" style={{ color: "var(--mantine-color-text)" }}>
            {status}
          </Badge>
        </Tooltip>
      )}
      {Icon && (
        <Tooltip label={label}>
          <Icon size={14} role="img" aria-label={label} color="var(--mantine-color-dimmed)" />
        </Tooltip>
      )}
    </span>
  );
}

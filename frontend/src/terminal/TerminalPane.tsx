import { ActionIcon, Button, Group, Loader, Stack, Text, TextInput, VisuallyHidden } from "@mantine/core";
import { useInterval } from "@mantine/hooks";
import { IconAlertTriangle, IconChevronDown, IconChevronUp, IconX } from "@tabler/icons-react";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { translateServerWords } from "@/i18n/serverWords";
import { useText } from "@/i18n/text";
import { EndedBar } from "./EndedBar";
import { stalled } from "./notices";
import type { TerminalTab } from "./store";
import classes from "./Terminals.module.css";
import { useTone } from "./tones";
import { closeNotice, closeTerminal, emulatorOf, retryNow, startTerminal } from "./workspace";

interface TerminalPaneProps {
  tab: TerminalTab;
  background: string;
  find: { isOpen: boolean; current: number; total: number; close: () => void };
}

export function TerminalPane({ tab, background, find }: TerminalPaneProps) {
  const t = useText();
  const screen = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const emulator = emulatorOf(tab.id);
    if (!screen.current || !emulator) return;
    emulator.show(screen.current, "terminal-help");
    emulator.focus();
    startTerminal(tab.id);
    const observer = new ResizeObserver(() => emulator.refit());
    observer.observe(screen.current);
    return () => {
      observer.disconnect();
      emulator.hide();
    };
  }, [tab.id]);

  return (
    <div className={classes.pane} role="tabpanel" id="terminal-panel" aria-label={tab.hostName || t("Terminal")}>
      <VisuallyHidden id="terminal-help">
        {t("Every key goes to the host. Ctrl and F6 together lead back to the tabs.")}
      </VisuallyHidden>
      <div className={classes.screen} style={{ background }} ref={screen} data-testid="terminal-screen" />
      {find.isOpen && <FindBar id={tab.id} {...find} />}
      {tab.state.phase === "connecting" && <Connecting tab={tab} since={tab.state.since} />}
      {tab.state.phase === "reconnecting" && <Reconnecting id={tab.id} state={tab.state} />}
      {tab.state.phase === "ended" && <EndedBar tab={tab} ending={tab.state.ending} />}
      {tab.isStalled && tab.state.phase === "ready" && <Stalled />}
      {tab.notice && tab.state.phase !== "ended" && <Notice id={tab.id} text={tab.notice} />}
      <KeyRow id={tab.id} />
    </div>
  );
}

function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useInterval(() => setNow(Date.now()), 500, { autoInvoke: true });
  return now;
}

function Connecting({ tab, since }: { tab: TerminalTab; since: number }) {
  const t = useText();
  const now = useNow();
  // Most hosts answer before a spinner could be read.
  if (now - since < 300) return null;
  return (
    <div className={classes.overlay}>
      <Stack className={classes.card} gap="xs" align="center" role="status">
        <Loader size="sm" />
        <Text fw={600}>{t("Connecting to {host}", { host: tab.hostName })}</Text>
        <Text size="sm" c="dimmed" ta="center">
          {t("Checking your access, opening the recording, signing in on the host.")}
        </Text>
        {now - since > 10_000 && (
          <Button variant="default" onClick={() => closeTerminal(tab.id)}>
            {t("Cancel connecting")}
          </Button>
        )}
      </Stack>
    </div>
  );
}

interface ReconnectingProps {
  id: string;
  state: { retryAt: number | null; giveUpAt: number };
}

function Reconnecting({ id, state: { retryAt, giveUpAt } }: ReconnectingProps) {
  const t = useText();
  const now = useNow();
  const tone = useTone("cut");
  const left = Math.max(0, Math.ceil((giveUpAt - now) / 1000));
  const next = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - now) / 1000));
  return (
    <div className={classes.bar} style={tone} role="status">
      <Group justify="space-between" gap="sm">
        <div>
          <Text fw={600} c="var(--tone)">
            {t("Connection lost")}
          </Text>
          <Text size="sm">
            {t("Your session keeps running for {left} s and is still recorded.", { left })}{" "}
            {retryAt === null ? t("Trying again …") : t("Trying again in {next} s.", { next })}
          </Text>
        </div>
        <Button variant="default" disabled={retryAt === null} onClick={() => retryNow(id)}>
          {t("Try now")}
        </Button>
      </Group>
    </div>
  );
}

function Stalled() {
  const t = useText();
  const tone = useTone("cut");
  return (
    <div className={classes.bar} style={tone} role="status">
      <Group gap="sm" wrap="nowrap">
        <Loader size="xs" color="var(--tone)" aria-hidden="true" />
        <div>
          <Text size="sm" fw={600} c="var(--tone)">
            {translateServerWords(stalled, t)}
          </Text>
          <Text size="sm">
            {t("Nothing is shown that is not recorded. If the disk does not answer within seconds, the session ends.")}
          </Text>
        </div>
      </Group>
    </div>
  );
}

function Notice({ id, text }: { id: string; text: string }) {
  const t = useText();
  const tone = useTone("cut");
  return (
    <div className={classes.bar} style={tone} role="status">
      <Group justify="space-between" gap="sm" wrap="nowrap">
        <Group gap="sm" wrap="nowrap">
          <IconAlertTriangle size={16} color="var(--tone)" aria-hidden="true" style={{ flex: "none" }} />
          <Text size="sm" fw={600} c="var(--tone)">
            {translateServerWords(text, t)}
          </Text>
        </Group>
        <ActionIcon aria-label={t("Close notice")} onClick={() => closeNotice(id)}>
          <IconX size={16} aria-hidden="true" />
        </ActionIcon>
      </Group>
    </div>
  );
}

interface FindBarProps {
  id: string;
  current: number;
  total: number;
  close: () => void;
}

function FindBar({ id, current, total, close }: FindBarProps) {
  const t = useText();
  const [query, setQuery] = useState("");
  const find = (direction: "next" | "previous") => emulatorOf(id)?.find(query, direction);
  useEffect(() => () => emulatorOf(id)?.find("", "next"), [id]);
  return (
    <Group className={classes.find} gap={4} role="search">
      <TextInput
        size="xs"
        w={200}
        value={query}
        autoFocus
        placeholder={t("Find in this terminal")}
        aria-label={t("Find in this terminal")}
        rightSectionWidth={56}
        rightSection={
          <Text size="xs" c="dimmed" aria-live="polite">
            {query && `${current}/${total}`}
          </Text>
        }
        onChange={(event) => {
          setQuery(event.currentTarget.value);
          emulatorOf(id)?.find(event.currentTarget.value, "next", true);
        }}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === "Enter") find(event.shiftKey ? "previous" : "next");
          if (event.key === "Escape") close();
        }}
      />
      <ActionIcon aria-label={t("Previous match")} onClick={() => find("previous")}>
        <IconChevronUp size={16} aria-hidden="true" />
      </ActionIcon>
      <ActionIcon aria-label={t("Next match")} onClick={() => find("next")}>
        <IconChevronDown size={16} aria-hidden="true" />
      </ActionIcon>
      <ActionIcon aria-label={t("Close")} onClick={close}>
        <IconX size={16} aria-hidden="true" />
      </ActionIcon>
    </Group>
  );
}

const screenKeys = [
  ["Esc", "\x1b"],
  ["Tab", "\t"],
  ["Ctrl C", "\x03"],
  ["Ctrl D", "\x04"],
  ["Ctrl W", "\x17"],
  ["↑", "\x1b[A"],
  ["↓", "\x1b[B"],
  ["←", "\x1b[D"],
  ["→", "\x1b[C"],
] as const;

/** For screens without a keyboard, and for keys that browsers keep. */
function KeyRow({ id }: { id: string }) {
  const t = useText();
  return (
    <div className={classes.keyRow} role="toolbar" aria-label={t("Keys")}>
      {screenKeys.map(([name, bytes]) => (
        <Button
          key={name}
          size="compact-sm"
          variant="default"
          onClick={() => emulatorOf(id)?.press(bytes)}
          style={{ flex: "none" }}
        >
          {name}
        </Button>
      ))}
    </div>
  );
}

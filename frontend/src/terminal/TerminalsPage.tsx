import { Code, Stack, Text, useComputedColorScheme } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { modals } from "@mantine/modals";
import { spotlight } from "@mantine/spotlight";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";
import { useMe } from "@/api/me";
import type { Host } from "@/api/types";
import { useRememberedHosts } from "@/hosts/remembered";
import { text, useText } from "@/i18n/text";
import { getPreferences, setTerminalPreferences, usePreferences } from "@/preferences";
import type { TerminalCommand } from "./keys";
import { PasteDialog } from "./PasteDialog";
import { endsWithNewline, readPaste } from "./paste";
import { StartScreen } from "./StartScreen";
import { StatusBar } from "./StatusBar";
import { findTab, isRunning, neighbourOf, selectTab, titleOf, useTerminals } from "./store";
import { TabBar } from "./TabBar";
import { TerminalPane } from "./TerminalPane";
import classes from "./Terminals.module.css";
import { palettes, schemeOf } from "./theme";
import { attachPage, claimWorkspace, closeTerminal, configureTerminals, emulatorOf, openTerminal } from "./workspace";

type OpenableHost = Pick<Host, "id" | "name" | "account" | "input_policy">;

const smallest = 8;
const largest = 32;
const usual = 14;

export default function TerminalsPage() {
  const t = useText();
  const me = useMe();
  const { tabs, active } = useTerminals();
  const { terminal: preferences } = usePreferences();
  const page = useComputedColorScheme("light");
  const scheme = schemeOf(preferences.theme, page);
  const { noteUse } = useRememberedHosts(me.id);
  const tab = tabs.find(({ id }) => id === active);
  const [find, setFind] = useState({ isOpen: false, current: 0, total: 0 });
  useDocumentTitle(`${tab ? titleOf(tab, tabs) : t("Terminals")} · Bastion`);

  useEffect(() => claimWorkspace(me.id), [me.id]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the workspace reads the preferences itself
  useEffect(() => configureTerminals(scheme), [scheme, preferences]);
  useOpenFromAddress();
  useEffect(
    () =>
      attachPage({
        pasted: askToPaste,
        linked: askToOpenLink,
        command: (id, command) => runCommand(id, command, () => setFind((was) => ({ ...was, isOpen: true }))),
        matches: (_, current, total) => setFind((was) => ({ ...was, current, total })),
      }),
    [],
  );

  const closeFind = useCallback(() => {
    setFind({ isOpen: false, current: 0, total: 0 });
    if (active) emulatorOf(active)?.focus();
  }, [active]);

  const connectTo = (host: OpenableHost) => {
    noteUse(host.id);
    openTerminal(host.id, { hostName: host.name, account: host.account, inputPolicy: host.input_policy });
  };

  return (
    <div className={classes.workspace}>
      {tabs.length > 0 && (
        <TabBar
          tabs={tabs}
          active={active}
          select={switchTo}
          close={askToClose}
          open={connectTo}
          sendKey={(bytes) => active && emulatorOf(active)?.press(bytes)}
        />
      )}
      {tab ? (
        <>
          <TerminalPane
            key={tab.id}
            tab={tab}
            background={palettes[scheme].background}
            find={{ ...find, close: closeFind }}
          />
          <StatusBar tab={tab} />
        </>
      ) : (
        <StartScreen open={connectTo} />
      )}
    </div>
  );
}

/** `/terminals?host=<id>` opens a terminal there, once: the address is cleaned so that a reload opens no second one. */
function useOpenFromAddress(): void {
  const { host } = useSearch({ strict: false }) as { host?: string };
  const navigate = useNavigate();
  useEffect(() => {
    if (!host) return;
    openTerminal(host);
    void navigate({ to: "/terminals", search: {}, replace: true });
  }, [host, navigate]);
}

function switchTo(id: string): void {
  selectTab(id);
  // After the pane has moved the terminal into the page.
  requestAnimationFrame(() => emulatorOf(id)?.focus());
}

function askToClose(id: string): void {
  const tab = findTab(id);
  if (!tab || !isRunning(tab) || tab.session === null) {
    closeTerminal(id);
    return;
  }
  modals.openConfirmModal({
    title: text("Close the terminal on {host}?", { host: tab.hostName }),
    children: <Text size="sm">{text("The session ends, with what runs in its foreground. The recording stays.")}</Text>,
    labels: { confirm: text("Close terminal"), cancel: text("Keep it open") },
    confirmProps: { color: "red" },
    cancelProps: { "data-autofocus": true },
    onConfirm: () => closeTerminal(id),
  });
}

function askToPaste(id: string, clipboard: string): void {
  const paste = readPaste(clipboard);
  const isHarmless = paste.lines === 1 && !endsWithNewline(paste.text);
  if (paste.text === "") return;
  if (isHarmless || !getPreferences().terminal.pasteGuard) {
    emulatorOf(id)?.paste(paste.text);
    return;
  }
  const decide = (chosen: string | null) => {
    modals.close("paste");
    if (chosen !== null) emulatorOf(id)?.paste(chosen);
  };
  modals.open({
    modalId: "paste",
    size: "lg",
    title: text("Paste into {host}?", { host: findTab(id)?.hostName ?? "" }),
    children: <PasteDialog paste={paste} decide={decide} />,
  });
}

function askToOpenLink(url: string): void {
  modals.openConfirmModal({
    title: text("Open this link in a new tab?"),
    children: (
      <Stack gap="xs">
        <Text size="sm">{text("The host wrote this address. Open it only if you trust it.")}</Text>
        <Code block style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
          {url}
        </Code>
      </Stack>
    ),
    labels: { confirm: text("Open link"), cancel: text("Cancel") },
    onConfirm: () => window.open(url, "_blank", "noopener,noreferrer"),
  });
}

function runCommand(id: string, command: TerminalCommand, openFind: () => void): void {
  const { fontSize } = getPreferences().terminal;
  switch (command) {
    case "copy":
      void emulatorOf(id)?.copy();
      return;
    case "find":
      openFind();
      return;
    case "palette":
      spotlight.open();
      return;
    case "previous-tab":
    case "next-tab": {
      const next = neighbourOf(id, command === "next-tab" ? 1 : -1);
      if (next) switchTo(next);
      return;
    }
    case "larger":
      setTerminalPreferences({ fontSize: Math.min(largest, fontSize + 1) });
      return;
    case "smaller":
      setTerminalPreferences({ fontSize: Math.max(smallest, fontSize - 1) });
      return;
    case "default-size":
      setTerminalPreferences({ fontSize: usual });
      return;
    case "leave":
      document.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.focus();
  }
}

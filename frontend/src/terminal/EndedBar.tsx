import { Button, CopyButton, Group, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { meQuery } from "@/api/me";
import { formatDuration, formatUtc } from "@/i18n/formats";
import { useText } from "@/i18n/text";
import type { Ending } from "./connection";
import { describeEnding, type EndingAction, type EndingWords } from "./endings";
import type { TerminalTab } from "./store";
import classes from "./Terminals.module.css";
import { useTone } from "./tones";
import { connectAgain, emulatorOf, takeBack } from "./workspace";

/** Below the screen of a terminal that has ended, which stays readable. */
export function EndedBar({ tab, ending }: { tab: TerminalTab; ending: Ending }) {
  const t = useText();
  const seconds = Math.max(0, ending.at - (tab.startedAt ?? ending.at)) / 1000;
  const words = describeEnding(
    ending,
    {
      host: tab.hostName || t("the host"),
      hasSession: tab.session !== null,
      length: formatDuration(Math.round(seconds)),
    },
    t,
  );
  const tone = useTone(words.tone);
  const canConnect = words.actions.includes("connect-again");
  useEffect(() => {
    if (!canConnect) return;
    // The frozen terminal still has the focus; Enter there means "again".
    const element = emulatorOf(tab.id)?.element;
    const onKey = (event: KeyboardEvent) => {
      // A second Enter right behind the one that ended the session is not meant for this.
      if (event.key !== "Enter" || event.isComposing || Date.now() - ending.at < 700) return;
      event.preventDefault();
      event.stopPropagation();
      connectAgain(tab.id);
    };
    // Before xterm.js, which keeps keys to itself.
    element?.addEventListener("keydown", onKey, { capture: true });
    return () => element?.removeEventListener("keydown", onKey, { capture: true });
  }, [tab.id, canConnect, ending.at]);
  return (
    <div className={classes.bar} style={tone} role="status" data-close-code={ending.code}>
      <Group justify="space-between" gap="sm">
        <div style={{ minWidth: 0, flex: "1 1 280px" }}>
          <Text fw={600} c="var(--tone)">
            {words.title}
          </Text>
          <Text size="sm">{words.sentence}</Text>
        </div>
        <Group gap="xs">
          {words.actions.map((action, n) => (
            <ActionButton key={action} action={action} isFirst={n === 0} tab={tab} ending={ending} words={words} />
          ))}
        </Group>
      </Group>
    </div>
  );
}

interface ActionButtonProps {
  action: EndingAction;
  isFirst: boolean;
  tab: TerminalTab;
  ending: Ending;
  words: EndingWords;
}

function ActionButton({ action, isFirst, tab, ending, words }: ActionButtonProps) {
  const t = useText();
  const queryClient = useQueryClient();
  const look = { variant: isFirst ? "filled" : "default", size: "xs" } as const;
  switch (action) {
    case "open-replay":
      return (
        <Button {...look} component={Link} to={`/sessions/${tab.session}`}>
          {t("Open replay")}
        </Button>
      );
    case "connect-again":
      return (
        <Button {...look} onClick={() => connectAgain(tab.id)}>
          {t("Connect again")}
        </Button>
      );
    case "take-back":
      return (
        <Button {...look} onClick={() => takeBack(tab.id)}>
          {t("Take it back")}
        </Button>
      );
    case "sign-in":
      // Asking who is signed in opens the dialog for it when nobody is.
      return (
        <Button
          {...look}
          onClick={() =>
            void queryClient.fetchQuery({ ...meQuery, staleTime: 0 }).then(
              () => (tab.session ? takeBack(tab.id) : connectAgain(tab.id)),
              () => undefined,
            )
          }
        >
          {t("Sign in")}
        </Button>
      );
    case "back-to-hosts":
      return (
        <Button {...look} component={Link} to="/hosts">
          {t("Back to hosts")}
        </Button>
      );
    case "show-sessions":
      return (
        <Button {...look} component={Link} to="/sessions" search={{ state: "live,detached" } as never}>
          {t("Show my sessions")}
        </Button>
      );
    case "copy-details":
      return (
        <CopyButton value={details(tab, ending, words)}>
          {({ copied, copy }) => (
            <Button {...look} onClick={copy}>
              {copied ? t("Copied") : t("Copy details")}
            </Button>
          )}
        </CopyButton>
      );
  }
}

function details(tab: TerminalTab, ending: Ending, words: EndingWords): string {
  const lines = [
    words.title,
    words.sentence,
    `${ending.code} ${ending.reason}`.trim(),
    formatUtc(new Date(ending.at)),
    tab.hostName,
  ];
  return [...lines, tab.session ?? ""].filter(Boolean).join("\n");
}

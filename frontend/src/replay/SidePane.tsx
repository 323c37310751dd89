import { Tabs } from "@mantine/core";
import type { Ref } from "react";
import type { Command, Session } from "@/api/types";
import { useText } from "@/i18n/text";
import { isRunning } from "@/sessions/length";
import { CommandList } from "./CommandList";
import { Facts } from "./Facts";
import { FindPanel } from "./FindPanel";
import { ProofPanel } from "./ProofPanel";
import classes from "./Replay.module.css";
import { Transcript } from "./Transcript";
import type { Finder } from "./useFinder";
import type { Replay } from "./useReplay";

export type SideTab = "commands" | "find" | "text" | "proof" | "facts";

interface SidePaneProps {
  session: Session;
  commands: readonly Command[];
  /** Null when there is nothing to play. */
  replay: Replay | null;
  finder: { state: Finder; input: Ref<HTMLInputElement> } | null;
  tab: SideTab;
  setTab: (tab: SideTab) => void;
}

export function SidePane({ session, commands, replay, finder, tab, setTab }: SidePaneProps) {
  const t = useText();
  const isDeleted = session.proof === "deleted";
  const hint = isRunning(session)
    ? t("Commands of a running session appear about half a minute later.")
    : session.indexed
      ? t("The session ran none, or they could not be told from the rest of the screen.")
      : t("They are being read from the recording.");
  return (
    <Tabs
      className={classes.side ?? ""}
      value={tab}
      onChange={(value) => setTab((value ?? "commands") as SideTab)}
      keepMounted={false}
    >
      <Tabs.List>
        {!isDeleted && <Tabs.Tab value="commands">{t("Commands")}</Tabs.Tab>}
        {finder && <Tabs.Tab value="find">{t("Find")}</Tabs.Tab>}
        {!isDeleted && <Tabs.Tab value="text">{t("Text")}</Tabs.Tab>}
        <Tabs.Tab value="proof">{t("Proof")}</Tabs.Tab>
        <Tabs.Tab value="facts">{t("Facts")}</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="commands" className={classes.tabPanel ?? ""}>
        <CommandList commands={commands} replay={replay} startedAt={session.started_at} hint={hint} />
      </Tabs.Panel>
      {finder && (
        <Tabs.Panel value="find" className={classes.tabPanel ?? ""}>
          <FindPanel finder={finder.state} input={finder.input} startedAt={session.started_at} />
        </Tabs.Panel>
      )}
      <Tabs.Panel value="text" className={classes.tabPanel ?? ""}>
        <Transcript id={session.id} />
      </Tabs.Panel>
      <Tabs.Panel value="proof" className={classes.tabPanel ?? ""}>
        <ProofPanel session={session} replay={replay} />
      </Tabs.Panel>
      <Tabs.Panel value="facts" className={classes.tabPanel ?? ""}>
        <Facts session={session} activeSeconds={replay?.isSkipping ? replay.index.duration : null} />
      </Tabs.Panel>
    </Tabs>
  );
}

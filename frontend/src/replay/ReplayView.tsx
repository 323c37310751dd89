import { Alert, Splitter, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconBroadcast, IconShieldX } from "@tabler/icons-react";
import { useLocation } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { Problem } from "@/api/problem";
import type { Command, Session, Verification } from "@/api/types";
import { formatOffset, useFormats } from "@/i18n/formats";
import { translateServerWords } from "@/i18n/serverWords";
import { useText } from "@/i18n/text";
import { useVerification } from "@/proof/useVerification";
import { isRunning } from "@/sessions/length";
import { ErrorAlert, LoadingRows } from "@/shell/Feedback";
import { timeOfHash } from "./address";
import { wallAt } from "./Controls";
import { leadIn } from "./clock";
import classes from "./Replay.module.css";
import { ReplayDesk } from "./ReplayDesk";
import { ReplayHeader } from "./ReplayHeader";
import { SidePane, type SideTab } from "./SidePane";
import { NoPicture } from "./Stage";
import { alteredSpans } from "./spans";
import { TimeMap } from "./timeMap";
import type { ReplayIndex } from "./types";
import { useReplayHabits, useReplayIndex } from "./useReplay";

interface ReplayViewProps {
  session: Session;
  commands: readonly Command[];
}

export function ReplayView({ session, commands }: ReplayViewProps) {
  const habits = useReplayHabits();
  const [{ isSkipping }] = habits;
  const verification = useVerification(session.id);
  const isDeleted = session.proof === "deleted";
  const index = useReplayIndex(session.id, isSkipping, { isRunning: isRunning(session), isDeleted });
  const { hash } = useLocation();
  const [startAt] = useState(() => timeOfHash(hash) ?? Math.max(0, (commands[0]?.t ?? 0) - leadIn));
  const sorted = useMemo(() => [...commands].sort((a, b) => a.t - b.t), [commands]);
  const [tab, setTab] = useState<SideTab | null>(null);
  const [isSideShown, setSideShown] = useState(true);
  const verify = () => {
    setTab("proof");
    setSideShown(true);
    void verification.refetch();
  };
  const isPlayable = index.data !== undefined && index.data.true_duration > 0;
  return (
    <div className={classes.page}>
      <ReplayHeader session={session} verify={verify} isVerifying={verification.isFetching} />
      <Warnings session={session} report={verification.data} index={index.data} />
      {isPlayable && <GrowthNotice session={session} query={index} />}
      {isPlayable ? (
        <ReplayDesk
          session={session}
          commands={sorted}
          index={index.data as ReplayIndex}
          startAt={startAt}
          habits={habits}
          side={{ tab: tab ?? "commands", setTab, isShown: isSideShown, setShown: setSideShown }}
          report={verification.data}
        />
      ) : index.isLoading ? (
        <LoadingRows rows={10} height={36} />
      ) : (
        <WithoutPlayer session={session} commands={sorted} tab={tab ?? (isDeleted ? "proof" : "facts")} setTab={setTab}>
          <Reason session={session} query={index} />
        </WithoutPlayer>
      )}
    </div>
  );
}

interface WarningsProps {
  session: Session;
  report: Verification | undefined;
  index: ReplayIndex | undefined;
}

/** What must be read before the recording is. */
function Warnings({ session, report, index }: WarningsProps) {
  const t = useText();
  const { clock } = useFormats();
  const map = useMemo(() => index && new TimeMap(index.map), [index]);
  const spans = index && map ? alteredSpans(report, { index, map }) : [];
  const wall = (t: number) => clock(wallAt(session.started_at, t));
  return (
    <>
      {session.state === "failed" && (
        <Alert color="red" py="xs" style={{ flex: "none" }}>
          {t("This session was ended because it could not be recorded.")} {translateServerWords(session.end_detail, t)}
        </Alert>
      )}
      {report?.verdict === "altered" && (
        <Alert color="red" py="xs" style={{ flex: "none" }} icon={<IconShieldX aria-hidden="true" />} role="alert">
          {spans.length === 0
            ? t("Altered: do not rely on this recording.")
            : t("Altered: do not rely on {spans}.", {
                spans: spans
                  .map(({ from, until }) => `${wall(from)}–${wall(until ?? index?.true_duration ?? from)}`)
                  .join(t(", ")),
              })}
        </Alert>
      )}
    </>
  );
}

interface QueryProps {
  session: Session;
  query: ReturnType<typeof useReplayIndex>;
}

/** Up to where a recording is shown that still grows. */
function GrowthNotice({ session, query }: QueryProps) {
  const t = useText();
  if (!query.data || query.data.complete) return null;
  const shown = t("Shown up to {end}.", { end: formatOffset(query.data.true_duration) });
  const state = query.isError
    ? t("What came since could not be fetched.")
    : isRunning(session)
      ? t("The session is still running.")
      : t("The recording is being sealed.");
  return (
    <Alert
      style={{ flex: "none" }}
      color={query.isError ? "yellow" : "brand"}
      icon={<IconBroadcast aria-hidden="true" />}
      py={6}
      role="status"
    >
      <Text size="sm" span>
        {shown} {state}{" "}
      </Text>
      <Text
        component="button"
        type="button"
        size="sm"
        className={classes.inlineButton ?? ""}
        onClick={() => void query.refetch()}
      >
        {t("Show what came since")}
      </Text>
    </Alert>
  );
}

/** Why there is nothing to play, in the place of the screen. */
function Reason({ session, query }: QueryProps) {
  const t = useText();
  const { exact } = useFormats();
  const status = query.error instanceof Problem ? query.error.status : 0;
  const retry = () => void query.refetch();
  if (session.proof === "deleted" || status === 410) {
    const facts = {
      at: session.deleted_at ? exact(session.deleted_at) : "",
      grounds: translateServerWords(session.deleted_under, t),
    };
    return (
      <NoPicture
        title={t("This recording was deleted")}
        text={
          session.deleted_at
            ? t(
                "Its key and its content were destroyed on {at} under {grounds}. Nobody can play it again; its seal and its lines in the audit log stay.",
                facts,
              )
            : translateServerWords(query.error?.message ?? "", t)
        }
      />
    );
  }
  if (status === 503) {
    return (
      <NoPicture
        title={t("The recording cannot be read here")}
        text={translateServerWords(query.error?.message ?? "", t)}
        retry={retry}
      />
    );
  }
  if (query.isError) {
    return <ErrorAlert error={query.error} title={t("The recording could not be opened.")} retry={retry} />;
  }
  if (query.data && !query.data.complete) {
    return (
      <NoPicture
        isWaiting
        title={t("Nothing to replay yet")}
        text={t("The first part can be replayed about half a minute after the session began.")}
        retry={retry}
      />
    );
  }
  return (
    <NoPicture
      title={t("There is no recording")}
      text={translateServerWords(session.end_detail, t) || t("The session ended before anything was shown.")}
    />
  );
}

interface WithoutPlayerProps extends ReplayViewProps {
  tab: SideTab;
  setTab: (tab: SideTab) => void;
  children: React.ReactNode;
}

/** What is known of a session that cannot be played: the reason, its commands, its facts. */
function WithoutPlayer({ children, ...about }: WithoutPlayerProps) {
  const isNarrow = useMediaQuery("(max-width: 900px)", undefined, { getInitialValueInEffect: false });
  const side = <SidePane {...about} replay={null} finder={null} />;
  if (isNarrow) {
    return (
      <div className={classes.narrow}>
        {children}
        {side}
      </div>
    );
  }
  return (
    <Splitter className={classes.body ?? ""}>
      <Splitter.Pane defaultSize="65%">{children}</Splitter.Pane>
      <Splitter.Pane defaultSize="35%">{side}</Splitter.Pane>
    </Splitter>
  );
}

import { Alert, Splitter, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconBroadcast } from "@tabler/icons-react";
import { useLocation } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Command, Session } from "@/api/types";
import { formatOffset } from "@/i18n/formats";
import { useText } from "@/i18n/text";
import { isRunning } from "@/sessions/length";
import { ErrorAlert, LoadingRows } from "@/shell/Feedback";
import { timeOfHash } from "./address";
import { leadIn } from "./clock";
import classes from "./Replay.module.css";
import { ReplayDesk } from "./ReplayDesk";
import { ReplayHeader } from "./ReplayHeader";
import { SidePane } from "./SidePane";
import { NoPicture } from "./Stage";
import { useReplayHabits, useReplayIndex } from "./useReplay";

interface ReplayViewProps {
  session: Session;
  commands: readonly Command[];
}

export function ReplayView({ session, commands }: ReplayViewProps) {
  const t = useText();
  const habits = useReplayHabits();
  const [{ isSkipping }] = habits;
  const index = useReplayIndex(session.id, isSkipping, isRunning(session));
  const { hash } = useLocation();
  const [startAt] = useState(() => timeOfHash(hash) ?? Math.max(0, (commands[0]?.t ?? 0) - leadIn));
  const sorted = useMemo(() => [...commands].sort((a, b) => a.t - b.t), [commands]);
  const isGrowing = index.data !== undefined && !index.data.complete;
  const isEmpty = index.data?.true_duration === 0;
  return (
    <div className={classes.page}>
      <ReplayHeader session={session} />
      {session.state === "failed" && (
        <Alert color="red" py="xs">
          {t("This session was ended because it could not be recorded.")} {session.end_detail}
        </Alert>
      )}
      {isGrowing && !isEmpty && (
        <Alert icon={<IconBroadcast aria-hidden="true" />} py={6}>
          <Text size="sm" span>
            {t("Shown up to {end}.", { end: formatOffset(index.data.true_duration) })}{" "}
            {isRunning(session) ? t("The session is still running.") : t("The recording is being sealed.")}{" "}
          </Text>
          <Text
            component="button"
            type="button"
            size="sm"
            className={classes.inlineButton ?? ""}
            onClick={() => void index.refetch()}
          >
            {t("Show what came since")}
          </Text>
        </Alert>
      )}
      {index.isError && !index.data && (
        <WithoutPlayer session={session} commands={sorted}>
          <ErrorAlert
            error={index.error}
            title={t("The recording could not be opened.")}
            retry={() => void index.refetch()}
          />
        </WithoutPlayer>
      )}
      {index.isPending && <LoadingRows rows={10} height={36} />}
      {isEmpty && (
        <WithoutPlayer session={session} commands={sorted}>
          {isGrowing ? (
            <NoPicture
              isWaiting
              title={t("Nothing to replay yet")}
              text={t("The first part can be replayed about half a minute after the session began.")}
              retry={() => void index.refetch()}
            />
          ) : (
            <NoPicture
              title={t("There is no recording")}
              text={session.end_detail || t("The session ended before anything was shown.")}
            />
          )}
        </WithoutPlayer>
      )}
      {index.data && !isEmpty && (
        <ReplayDesk session={session} commands={sorted} index={index.data} startAt={startAt} habits={habits} />
      )}
    </div>
  );
}

interface WithoutPlayerProps extends ReplayViewProps {
  children: React.ReactNode;
}

/** What is known of a session that cannot be played: the reason, its commands, its facts. */
function WithoutPlayer({ session, commands, children }: WithoutPlayerProps) {
  const isNarrow = useMediaQuery("(max-width: 900px)", undefined, { getInitialValueInEffect: false });
  const side = <SidePane session={session} commands={commands} replay={null} finder={null} tab="facts" setTab={null} />;
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

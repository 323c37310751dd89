import { Button, Loader, Progress, Stack, Text, useComputedColorScheme } from "@mantine/core";
import { type CSSProperties, useEffect, useState, useSyncExternalStore } from "react";
import { useFormats } from "@/i18n/formats";
import { translateServerWords } from "@/i18n/serverWords";
import { useText } from "@/i18n/text";
import { usePreferences } from "@/preferences";
import { type Gap, gapAt } from "@/proof/gaps";
import { ErrorAlert } from "@/shell/Feedback";
import { palettes, playerVariables, schemeOf } from "@/terminal/theme";
import { useTone } from "@/terminal/tones";
import { Controls, wallAt } from "./Controls";
import type { ReplayClock } from "./clock";
import classes from "./Replay.module.css";
import type { Span } from "./spans";
import type { Moment } from "./types";
import type { Replay } from "./useReplay";

interface StageProps {
  replay: Replay;
  startedAt: string;
  commands: readonly Moment[];
  hits: readonly Moment[];
  gaps: readonly Gap[];
  altered: readonly Span[];
  /** What the last key did, shown for a moment. */
  flash: { text: string; at: number } | null;
  goToCommand: (direction: 1 | -1) => void;
  toggleFullScreen: () => void;
  link: () => string;
}

/** The screen and its bar. */
export function Stage({ replay, flash, ...bar }: StageProps) {
  const { terminal } = usePreferences();
  const page = useComputedColorScheme("light");
  const palette = palettes[schemeOf(terminal.theme, page)];
  const style = { ...playerVariables(palette), background: palette.background } as CSSProperties;
  return (
    <div className={`${classes.stage} bastion-replay`}>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: Space does the same everywhere on the page */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button below the screen does the same */}
      <div className={classes.screen} style={style} onClick={replay.toggle} data-testid="replay-screen">
        <div ref={replay.screen} style={{ position: "absolute", inset: 0 }} />
        {replay.state === "loading" && <Waiting />}
        {replay.state === "failed" && <Failed replay={replay} />}
        <GapCard clock={replay.clock} gaps={bar.gaps} startedAt={bar.startedAt} />
        {flash && <Flash key={flash.at} text={flash.text} />}
      </div>
      <Controls replay={replay} {...bar} />
    </div>
  );
}

interface GapCardProps {
  clock: ReplayClock;
  gaps: readonly Gap[];
  startedAt: string;
}

/** Over the screen while the replay is where something is missing: what is below it is from before. */
function GapCard({ clock, gaps, startedAt }: GapCardProps) {
  const t = useText();
  const { clock: wall } = useFormats();
  const tone = useTone("cut");
  const gap = gaps[useSyncExternalStore(clock.subscribe, () => gapAt(clock.get(), gaps))];
  if (!gap) return null;
  const from = wall(wallAt(startedAt, gap.from));
  return (
    <div className={classes.gap} style={tone} role="status">
      <Text size="sm" fw={600} c="var(--tone)">
        {gap.until === null
          ? t("Not recorded from {from} on", { from })
          : t("Not recorded {from}–{until}", { from, until: wall(wallAt(startedAt, gap.until)) })}
      </Text>
      <Text size="sm">{translateServerWords(gap.words, t)}</Text>
    </div>
  );
}

function Waiting() {
  const t = useText();
  return (
    <div className={classes.waiting} role="status" aria-label={t("Loading")}>
      <Progress value={100} size={3} animated radius={0} />
    </div>
  );
}

function Failed({ replay }: { replay: Replay }) {
  const t = useText();
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: nothing is done here, a click is only kept from the screen
    // biome-ignore lint/a11y/noStaticElementInteractions: see above
    <div className={classes.cover} onClick={(event) => event.stopPropagation()}>
      <div className={classes.card}>
        <ErrorAlert
          error={replay.error}
          title={t("This part of the recording could not be shown.")}
          retry={replay.retry}
        />
      </div>
    </div>
  );
}

function Flash({ text }: { text: string }) {
  const [isShown, setShown] = useState(true);
  useEffect(() => {
    const timer = setTimeout(() => setShown(false), 700);
    return () => clearTimeout(timer);
  }, []);
  return isShown ? <div className={classes.flash}>{text}</div> : null;
}

interface NoPictureProps {
  title: string;
  text: string;
  retry?: (() => void) | undefined;
  isWaiting?: boolean;
}

/** In the place of the screen when there is nothing to play. */
export function NoPicture({ title, text, retry, isWaiting = false }: NoPictureProps) {
  const t = useText();
  return (
    <div className={classes.stage}>
      <div className={classes.cover} style={{ position: "static", flex: 1 }}>
        <Stack className={classes.card} gap="xs" align="flex-start">
          {isWaiting && <Loader size="sm" />}
          <Text fw={600}>{title}</Text>
          <Text size="sm">{text}</Text>
          {retry && (
            <Button size="xs" variant="default" onClick={retry}>
              {t("Look again")}
            </Button>
          )}
        </Stack>
      </div>
    </div>
  );
}

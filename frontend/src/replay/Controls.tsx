import {
  ActionIcon,
  Button,
  Group,
  Kbd,
  Menu,
  Slider,
  Switch,
  Text,
  Tooltip,
  useComputedColorScheme,
} from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import {
  IconCheck,
  IconChevronLeftPipe,
  IconChevronRightPipe,
  IconLink,
  IconMaximize,
  IconPlayerPauseFilled,
  IconPlayerPlayFilled,
  type TablerIcon,
} from "@tabler/icons-react";
import { formatOffset, useFormats } from "@/i18n/formats";
import { useText } from "@/i18n/text";
import type { Gap } from "@/proof/gaps";
import { useClock } from "./clock";
import { Lane } from "./Lane";
import classes from "./Replay.module.css";
import type { Span } from "./spans";
import type { Moment } from "./types";
import { type Replay, speeds } from "./useReplay";

interface ControlsProps {
  replay: Replay;
  /** ISO time. */
  startedAt: string;
  commands: readonly Moment[];
  hits: readonly Moment[];
  gaps: readonly Gap[];
  altered: readonly Span[];
  goToCommand: (direction: 1 | -1) => void;
  toggleFullScreen: () => void;
  link: () => string;
}

export function Controls({ replay, startedAt, goToCommand, toggleFullScreen, link, ...marks }: ControlsProps) {
  const t = useText();
  const isPlaying = replay.state === "playing";
  const clipboard = useClipboard({ timeout: 1500 });
  const PlayIcon = isPlaying ? IconPlayerPauseFilled : IconPlayerPlayFilled;
  return (
    <div className={classes.controls}>
      <SeekBar replay={replay} startedAt={startedAt} />
      <Lane map={replay.map} duration={replay.index.duration} {...marks} />
      <Group gap="xs" wrap="wrap" justify="space-between" mt={2}>
        <Group gap={4} wrap="nowrap">
          <Tool
            label={isPlaying ? t("Pause") : t("Play")}
            keys="Space"
            icon={PlayIcon}
            onClick={replay.toggle}
            isMain
          />
          <TimeLabel replay={replay} startedAt={startedAt} />
        </Group>
        <Group gap={4} wrap="nowrap">
          <SpeedMenu replay={replay} />
          <Switch
            size="xs"
            mx={6}
            label={t("Skip idle")}
            checked={replay.isSkipping}
            onChange={(event) => replay.setSkipping(event.currentTarget.checked)}
          />
          <Tool label={t("Command before")} keys="[" icon={IconChevronLeftPipe} onClick={() => goToCommand(-1)} />
          <Tool label={t("Next command")} keys="]" icon={IconChevronRightPipe} onClick={() => goToCommand(1)} />
          <Tool
            label={clipboard.copied ? t("Copied") : t("Copy link to this second")}
            keys="c"
            icon={clipboard.copied ? IconCheck : IconLink}
            onClick={() => clipboard.copy(link())}
          />
          <Tool label={t("Full screen")} keys="f" icon={IconMaximize} onClick={toggleFullScreen} />
        </Group>
      </Group>
    </div>
  );
}

interface ToolProps {
  label: string;
  keys: string;
  icon: TablerIcon;
  onClick: () => void;
  isMain?: boolean;
}

function Tool({ label, keys, icon: Icon, onClick, isMain = false }: ToolProps) {
  return (
    <Tooltip
      label={
        <Group gap={6}>
          {label} <Kbd size="xs">{keys}</Kbd>
        </Group>
      }
    >
      <ActionIcon
        size={isMain ? 32 : 28}
        variant={isMain ? "filled" : "subtle"}
        color={isMain ? "brand" : "gray"}
        aria-label={label}
        onClick={onClick}
      >
        <Icon size={isMain ? 18 : 17} aria-hidden="true" />
      </ActionIcon>
    </Tooltip>
  );
}

function SeekBar({ replay, startedAt }: Pick<ControlsProps, "replay" | "startedAt">) {
  const t = useText();
  const { clock: wall } = useFormats();
  const time = useClock(replay.clock);
  const scheme = useComputedColorScheme("light");
  const { map, index } = replay;
  const words = (shown: number) => {
    const at = map.toTrue(shown);
    return `${formatOffset(at)} · ${wall(wallAt(startedAt, at))}`;
  };
  return (
    <Slider
      size={4}
      thumbSize={14}
      color={scheme === "dark" ? "brand.3" : "brand.7"}
      min={0}
      max={Math.max(index.duration, 0.001)}
      step={1}
      precision={3}
      value={Math.min(map.toShown(time), index.duration)}
      onChange={(shown) => replay.seek(map.toTrue(shown))}
      // A pointer leaves the focus where the page's keys work.
      onPointerUp={() => (document.activeElement as HTMLElement | null)?.blur()}
      label={words}
      thumbLabel={t("Position in the recording")}
      thumbValueText={words}
      thumbProps={{
        onKeyDown: (event) => {
          if (event.key !== "PageUp" && event.key !== "PageDown") return;
          event.preventDefault();
          replay.seek(replay.clock.get() + (event.key === "PageUp" ? 60 : -60));
        },
      }}
    />
  );
}

function TimeLabel({ replay, startedAt }: Pick<ControlsProps, "replay" | "startedAt">) {
  const { clock: wall, zoneName } = useFormats();
  const time = useClock(replay.clock);
  return (
    <Text size="sm" className={classes.time ?? ""} ml={4}>
      <span data-testid="replay-offset">{formatOffset(time)}</span> / {formatOffset(replay.index.true_duration)}
      <Text span inherit c="dimmed" ml="sm">
        {wall(wallAt(startedAt, time))} {zoneName}
      </Text>
    </Text>
  );
}

function SpeedMenu({ replay }: Pick<ControlsProps, "replay">) {
  const t = useText();
  return (
    <Menu position="top" width={100}>
      <Menu.Target>
        <Button
          size="compact-sm"
          variant="subtle"
          color="gray"
          aria-label={t("Speed {speed}×", { speed: String(replay.speed) })}
        >
          {replay.speed}×
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {speeds.map((speed) => (
          <Menu.Item
            key={speed}
            role="menuitemradio"
            aria-checked={speed === replay.speed}
            fw={speed === replay.speed ? 600 : 400}
            onClick={() => replay.setSpeed(speed)}
          >
            {speed}×
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

export function wallAt(startedAt: string, seconds: number): Date {
  return new Date(new Date(startedAt).getTime() + seconds * 1000);
}

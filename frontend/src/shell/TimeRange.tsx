import { Button, Group, Popover, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconCalendar } from "@tabler/icons-react";
import { useFormats } from "@/i18n/formats";
import { msg, useText } from "@/i18n/text";
import { MomentInput } from "./MomentInput";

/** `now-7d`, an ISO time, or nothing: as it stands in the address. */
export type Range = { after: string; before: string };

const presets: readonly [value: string, label: string][] = [
  ["now-1h", msg("Last hour")],
  ["now-24h", msg("Last 24 hours")],
  ["now-7d", msg("Last 7 days")],
  ["now-30d", msg("Last 30 days")],
  ["", msg("All time")],
];

const unitSeconds: Record<string, number> = { m: 60, h: 3600, d: 86400 };

/** Resolve `now-7d` to an ISO time, in whole minutes so that a list keeps its key; other values stay as they are. */
export function resolveTime(value: string, now = Date.now()): string {
  const parts = /^now-(\d{1,4})([mhd])$/.exec(value);
  if (!parts) {
    return value;
  }
  const ago = Number(parts[1]) * (unitSeconds[parts[2] ?? "m"] ?? 60) * 1000;
  return new Date(Math.floor(now / 60_000) * 60_000 - ago).toISOString();
}

interface TimeRangeProps extends Range {
  onChange: (range: Range) => void;
}

/** The time filter of a list: a preset, or two moments in the person's own zone. */
export function TimeRange({ after, before, onChange }: TimeRangeProps) {
  const t = useText();
  const { exact, zoneName } = useFormats();
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const preset = before === "" ? presets.find(([value]) => value === after) : undefined;
  const shownEnd = before ? exact(before) : t("now");
  const shownStart = after ? exact(resolveTime(after)) : t("the beginning");
  const choose = (range: Range) => {
    onChange(range);
    close();
  };
  return (
    <Popover opened={isOpen} onChange={toggle} position="bottom-start" trapFocus withinPortal>
      <Popover.Target>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconCalendar size={14} aria-hidden="true" />}
          onClick={toggle}
        >
          {preset ? t(preset[1]) : t("{start} to {end}", { start: shownStart, end: shownEnd })}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="sm">
          <Group gap={4} maw={300}>
            {presets.map(([value, label]) => (
              <Button
                key={label}
                size="compact-sm"
                variant={preset?.[0] === value ? "filled" : "default"}
                onClick={() => choose({ after: value, before: "" })}
              >
                {t(label)}
              </Button>
            ))}
          </Group>
          <MomentInput
            size="xs"
            withinPortal={false}
            label={t("From")}
            value={after ? resolveTime(after) : ""}
            onChange={(value) => onChange({ after: value, before })}
          />
          <MomentInput
            size="xs"
            withinPortal={false}
            label={t("Until")}
            value={before}
            onChange={(value) => onChange({ after, before: value })}
          />
          <Text size="xs" c="dimmed">
            {t("Times in {zone}.", { zone: zoneName === "UTC" ? localZone() : zoneName })}
          </Text>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function localZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

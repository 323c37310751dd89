import { Button, Code, DataList, Drawer, Group, Stack, Table, Text, Title } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { apiUrl } from "@/api/client";
import type { AuditEvent } from "@/api/types";
import { formatUtc } from "@/i18n/formats";
import { useText } from "@/i18n/text";
import { TimeText } from "@/shell/TimeText";
import { ObjectLink, Outcome } from "./EventParts";
import { actionWords } from "./words";

interface EventDrawerProps {
  event: AuditEvent | undefined;
  close: () => void;
  filter: (change: { actor?: string; object_type?: string; object_id?: string }) => void;
}

/** One event beside the list: who, what, to what, from where, and what changed. */
export function EventDrawer({ event, close, filter }: EventDrawerProps) {
  const t = useText();
  return (
    <Drawer
      opened={event !== undefined}
      onClose={close}
      size="lg"
      title={event && t(actionWords[event.action] ?? event.action)}
    >
      {event && (
        <Stack gap="lg">
          <Facts event={event} />
          <Changes detail={event.detail} />
          <Group gap="sm">
            {event.actor && (
              <Button size="xs" variant="default" onClick={() => filter({ actor: event.actor })}>
                {t("Events of {name}", { name: event.actor })}
              </Button>
            )}
            {event.object_id && (
              <Button
                size="xs"
                variant="default"
                onClick={() => filter({ object_type: event.object_type, object_id: event.object_id })}
              >
                {t("Events of the same object")}
              </Button>
            )}
            <Button
              size="xs"
              variant="default"
              component="a"
              href={apiUrl("ledger/proof", { event: event.id })}
              download
              leftSection={<IconDownload size={14} aria-hidden="true" />}
            >
              {t("Proof of this line")}
            </Button>
          </Group>
          <Stack gap={4}>
            <Title order={3}>{t("As recorded")}</Title>
            <Code block tabIndex={0}>
              {JSON.stringify(event, null, 2)}
            </Code>
          </Stack>
        </Stack>
      )}
    </Drawer>
  );
}

function Facts({ event }: { event: AuditEvent }) {
  const t = useText();
  return (
    <DataList labelWidth={110}>
      <Fact label={t("Time")}>
        <Stack gap={0}>
          <TimeText at={event.at} relative />
          <span className="mono">{formatUtc(event.at)}</span>
        </Stack>
      </Fact>
      <Fact label={t("Person")}>{event.actor || t("System")}</Fact>
      <Fact label={t("Action")}>
        <span className="mono">{event.action}</span>
      </Fact>
      <Fact label={t("Object")}>
        <Group gap={6}>
          <ObjectLink event={event} />
          <Text span c="dimmed" inherit>
            {event.object_type}
          </Text>
        </Group>
      </Fact>
      <Fact label={t("Address")}>
        <span className="mono">{event.address || "–"}</span>
      </Fact>
      <Fact label={t("Outcome")}>
        <Outcome outcome={event.outcome} />
      </Fact>
    </DataList>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <DataList.Item>
      <DataList.ItemLabel c="dimmed">{label}</DataList.ItemLabel>
      <DataList.ItemValue>{children}</DataList.ItemValue>
    </DataList.Item>
  );
}

type Change = [field: string, before: unknown, after: unknown];

/** Pairs of before and after, in the two shapes that the ledger keeps them: `{field: [a, b]}` or `{before: {}, after: {}}`. */
function changesOf(detail: Record<string, unknown>): Change[] {
  const { before, after } = detail;
  if (isRecord(before) && isRecord(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])]
      .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
      .map((name) => [name, before[name], after[name]]);
  }
  const changed = isRecord(detail.changed) ? detail.changed : isRecord(detail.changes) ? detail.changes : detail;
  return Object.entries(changed).flatMap(([name, pair]): Change[] =>
    Array.isArray(pair) && pair.length === 2 ? [[name, pair[0], pair[1]]] : [],
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function Changes({ detail }: { detail: Record<string, unknown> }) {
  const t = useText();
  const changes = changesOf(detail);
  if (changes.length === 0) {
    return null;
  }
  return (
    <Table withTableBorder aria-label={t("What changed")}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{t("Field")}</Table.Th>
          <Table.Th scope="col">{t("Before")}</Table.Th>
          <Table.Th scope="col">{t("After")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {changes.map(([field, before, after]) => (
          <Table.Tr key={field}>
            <Table.Td className="mono">{field}</Table.Td>
            <Table.Td className="mono">{JSON.stringify(before) ?? "–"}</Table.Td>
            <Table.Td className="mono">{JSON.stringify(after) ?? "–"}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

import { Alert, Button, Checkbox, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { Host, Pin, ScannedKeys as Scan } from "@/api/types";
import { useText } from "@/i18n/text";
import { ErrorAlert } from "@/shell/Feedback";
import { StateBadge } from "@/shell/StateBadge";
import { Fingerprint } from "./HostKeysDrawer";

type ScannedKey = Scan["keys"][number];

interface ScannedKeysProps {
  host: Host;
  pin: (body: Pin) => void;
  isPinning: boolean;
}

/** What the host shows over the network at this moment; pinned only after somebody says that they compared it. */
export function ScannedKeys({ host, pin, isPinning }: ScannedKeysProps) {
  const t = useText();
  const scan = useMutation({ mutationFn: () => api.post<Scan>(`hosts/${host.id}/scan-key/`) });
  const pinned = new Set(host.keys.map((key) => key.fingerprint));
  const keys = scan.data?.keys ?? [];
  const isChanged = pinned.size > 0 && keys.length > 0 && !keys.some((key) => pinned.has(key.fingerprint));
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Title order={2}>{t("Scan the host")}</Title>
        <Button
          variant={pinned.size === 0 ? "filled" : "default"}
          loading={scan.isPending}
          onClick={() => scan.mutate()}
        >
          {t("Scan now")}
        </Button>
      </Group>
      <Text size="sm">
        {t(
          "Asks {address} for its keys. Anybody on the way could answer, so compare what comes with the host itself.",
          {
            address: `${host.address}:${host.port}`,
          },
        )}
      </Text>
      {scan.error && <ErrorAlert error={scan.error} title={t("The host could not be scanned.")} />}
      {isChanged && (
        <Alert color="red" title={t("The host shows other keys than the pinned ones")}>
          {t(
            "It was set up again, or something stands between. Find out which before you pin; nothing was sent to it.",
          )}
        </Alert>
      )}
      {keys.map((key) =>
        pinned.has(key.fingerprint) ? (
          <Paper key={key.fingerprint} withBorder p="sm">
            <Group justify="space-between" wrap="nowrap">
              <Fingerprint text={key.fingerprint} />
              <StateBadge kind="sealed" word={t("Pinned")} />
            </Group>
          </Paper>
        ) : (
          <ConfirmKey
            key={key.fingerprint}
            scanned={key}
            host={host}
            needsName={isChanged}
            isPinning={isPinning}
            confirm={() => pin({ ...key, source: "scan" })}
          />
        ),
      )}
    </Stack>
  );
}

interface ConfirmKeyProps {
  scanned: ScannedKey;
  host: Host;
  needsName: boolean;
  isPinning: boolean;
  confirm: () => void;
}

function ConfirmKey({ scanned, host, needsName, isPinning, confirm }: ConfirmKeyProps) {
  const t = useText();
  const [isCompared, setCompared] = useState(false);
  const [name, setName] = useState("");
  const isReady = isCompared && (!needsName || name.trim() === host.name);
  return (
    <Paper withBorder p="sm" role="group" aria-label={scanned.fingerprint}>
      <Stack gap="sm">
        <Stack gap={2}>
          <Text size="xs" c="dimmed">
            {scanned.algorithm}
          </Text>
          <Fingerprint text={scanned.fingerprint} />
        </Stack>
        <Checkbox
          label={t("I compared this fingerprint with the host itself")}
          description={t("Compare it with ssh-keygen -lf on the host.")}
          checked={isCompared}
          onChange={(event) => setCompared(event.currentTarget.checked)}
        />
        {needsName && (
          <TextInput
            label={t("Type the name of the host to replace its key: {name}", { name: host.name })}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        )}
        <Group justify="flex-end">
          <Button
            size="xs"
            color={needsName ? "red" : undefined}
            disabled={!isReady}
            loading={isPinning}
            onClick={confirm}
          >
            {t("Pin this key")}
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}

import { Alert, Button, Code, Drawer, Group, Paper, Stack, Text, Textarea, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { Host, HostKey, Pin } from "@/api/types";
import { msg, useText } from "@/i18n/text";
import { ErrorAlert, LoadingRows } from "@/shell/Feedback";
import { TimeText } from "@/shell/TimeText";
import { useRemove } from "./requests";
import { ScannedKeys } from "./ScannedKeys";

const sources: Record<HostKey["source"], string> = {
  scan: msg("Scanned and confirmed"),
  fingerprint: msg("Pasted fingerprint"),
  known_hosts: msg("Pasted known_hosts line"),
  demo: msg("Demo host"),
};

/** The keys that a host must show before any credential leaves: pinned after a scan, or pasted from the host itself. */
export function HostKeysDrawer({ hostId, close }: { hostId: string; close: () => void }) {
  const t = useText();
  const queryClient = useQueryClient();
  const host = useQuery({ queryKey: ["hosts/", hostId], queryFn: () => api.get<Host>(`hosts/${hostId}/`) });
  const pin = useMutation({
    mutationFn: (body: Pin) => api.post(`hosts/${hostId}/keys/`, body),
    onSuccess: async () => {
      await queryClient.invalidateQueries();
      notifications.show({ message: t("The host key is pinned.") });
    },
  });
  return (
    <Drawer
      opened
      onClose={close}
      size="lg"
      title={host.data ? t("Host keys of {name}", { name: host.data.name }) : t("Host keys")}
    >
      {host.isPending && <LoadingRows rows={4} />}
      {host.error && <ErrorAlert error={host.error} retry={() => void host.refetch()} />}
      {host.data && (
        <Stack gap="xl">
          <PinnedKeys host={host.data} />
          {pin.error && <ErrorAlert error={pin.error} title={t("The key was not pinned.")} />}
          <ScannedKeys host={host.data} pin={pin.mutate} isPinning={pin.isPending} />
          <PastedKey pin={pin.mutateAsync} isPinning={pin.isPending} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t("Done")}
            </Button>
          </Group>
        </Stack>
      )}
    </Drawer>
  );
}

function PinnedKeys({ host }: { host: Host }) {
  const t = useText();
  const remove = useRemove();
  if (host.keys.length === 0) {
    return (
      <Alert color="yellow" title={t("No key is pinned")}>
        {t("Until one is, nobody can connect to this host: nothing proves that it is the right one.")}
      </Alert>
    );
  }
  return (
    <Stack gap="sm">
      <Title order={2}>{t("Pinned")}</Title>
      {host.keys.map((key) => (
        <Paper key={key.id} withBorder p="sm">
          <Group justify="space-between" wrap="nowrap" align="flex-start">
            <Stack gap={2} style={{ minWidth: 0 }}>
              <Fingerprint text={key.fingerprint} />
              <Text size="xs" c="dimmed">
                {[key.algorithm, t(sources[key.source]), key.pinned_by].filter(Boolean).join(" · ")} ·{" "}
                <TimeText at={key.pinned_at} />
              </Text>
            </Stack>
            <Button
              size="compact-sm"
              variant="default"
              onClick={() =>
                remove({
                  path: `hosts/${host.id}/keys/${key.id}/`,
                  title: t("Remove this key of {name}?", { name: host.name }),
                  effect: t("Connections are refused when the host shows this key and no other is pinned."),
                  confirm: t("Remove key"),
                  done: t("The key is removed."),
                })
              }
            >
              {t("Remove")}
            </Button>
          </Group>
        </Paper>
      ))}
    </Stack>
  );
}

export function Fingerprint({ text }: { text: string }) {
  return (
    <Text className="mono" style={{ overflowWrap: "anywhere" }}>
      {text}
    </Text>
  );
}

function PastedKey({ pin, isPinning }: { pin: (body: Pin) => Promise<unknown>; isPinning: boolean }) {
  const t = useText();
  const [text, setText] = useState("");
  const pasted = text.trim();
  const submit = async () => {
    const isFingerprint = /^SHA256:/i.test(pasted);
    await pin(isFingerprint ? { fingerprint: pasted, source: "fingerprint" } : { known_hosts: pasted });
    setText("");
  };
  return (
    <Stack gap="sm">
      <Title order={2}>{t("Paste a key")}</Title>
      <Text size="sm">{t("The safest way: read it on the host itself, over a way that you trust.")}</Text>
      <Code block>ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub</Code>
      <Textarea
        label={t("Fingerprint or known_hosts line")}
        placeholder={"SHA256:…"}
        classNames={{ input: "mono" }}
        autosize
        minRows={2}
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Group justify="flex-end">
        <Button
          variant="default"
          disabled={pasted === ""}
          loading={isPinning}
          onClick={() => void submit().catch(() => undefined)}
        >
          {t("Pin this key")}
        </Button>
      </Group>
    </Stack>
  );
}

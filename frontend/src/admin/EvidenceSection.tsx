import { Alert, Button, Code, CopyButton, Group, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconDownload, IconShieldX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { api, apiUrl } from "@/api/client";
import type { Ledger, VerificationKey } from "@/api/types";
import { useFormats } from "@/i18n/formats";
import { translateServerWords } from "@/i18n/serverWords";
import { useText } from "@/i18n/text";
import { keysQuery } from "@/proof/keys";
import { type Column, DataTable } from "@/shell/DataTable";
import { FactTable } from "@/shell/FactTable";
import { ErrorAlert, LoadingRows } from "@/shell/Feedback";
import { StateBadge } from "@/shell/StateBadge";
import { TimeText } from "@/shell/TimeText";

const refreshEvery = 5_000;

/** What binds the audit log and the seals: how far it is signed, with which keys, and who else has it. */
export function EvidenceSection() {
  const t = useText();
  const ledger = useQuery({
    queryKey: ["ledger/"],
    queryFn: ({ signal }) => api.get<Ledger>("ledger/", {}, signal),
    refetchInterval: refreshEvery,
  });
  return (
    <Stack gap="xl">
      {ledger.isError && (
        <ErrorAlert
          error={ledger.error}
          title={t("The state of the audit log’s proof could not be fetched.")}
          retry={() => void ledger.refetch()}
        />
      )}
      {ledger.isPending && <LoadingRows rows={4} />}
      {ledger.data && <LedgerState ledger={ledger.data} />}
      {ledger.data?.checkpoint && <CheckpointText note={ledger.data.checkpoint} />}
      <Keys />
    </Stack>
  );
}

function LedgerState({ ledger }: { ledger: Ledger }) {
  const t = useText();
  const { number } = useFormats();
  return (
    <Stack gap="sm" component="section" aria-label={t("Audit log")}>
      <Title order={2}>{t("Audit log")}</Title>
      <Text size="sm" maw={720}>
        {t(
          "Every line of the audit log is a leaf of a tree whose root is signed. Whoever keeps a signed root can tell later that no line before it was changed or removed.",
        )}
      </Text>
      <Warnings ledger={ledger} />
      <FactTable
        facts={[
          [t("Signing"), <SigningState key="signing" ledger={ledger} />],
          [t("Lines in the tree"), number(ledger.size)],
          [t("Waiting for a signature"), number(ledger.pending)],
          [t("Last checkpoint"), ledger.at ? <TimeText key="at" at={ledger.at} relative /> : t("None yet")],
          [
            t("Root"),
            <span key="root" className="mono">
              {ledger.root || "–"}
            </span>,
          ],
          [
            t("Published to"),
            ledger.published_to ? (
              <span key="file" className="mono">
                {ledger.published_to}
              </span>
            ) : (
              t("Nowhere")
            ),
          ],
        ]}
      />
    </Stack>
  );
}

function SigningState({ ledger }: { ledger: Ledger }) {
  const t = useText();
  return ledger.problems.length > 0 ? (
    <StateBadge kind="refused" word={t("In trouble")} />
  ) : (
    <StateBadge kind="verified" word={t("Works")} />
  );
}

function Warnings({ ledger }: { ledger: Ledger }) {
  const t = useText();
  return (
    <>
      {ledger.problems.length > 0 && (
        <Alert color="red" icon={<IconShieldX aria-hidden="true" />} title={t("The audit log cannot be proved")}>
          {ledger.problems.map((problem) => (
            <Text key={problem} size="sm">
              {translateServerWords(problem, t)}
            </Text>
          ))}
        </Alert>
      )}
      {ledger.published_to === null && (
        <Alert
          color="yellow"
          icon={<IconAlertTriangle aria-hidden="true" />}
          title={t("Nobody but this server keeps the checkpoints")}
        >
          {t(
            "Somebody who takes over this server could rewrite the audit log and sign it again. Set BASTION_CHECKPOINT_FILE to a file on another machine or mount, or keep a copy of the checkpoint below from time to time.",
          )}
        </Alert>
      )}
    </>
  );
}

function CheckpointText({ note }: { note: string }) {
  const t = useText();
  return (
    <Stack gap="sm" component="section" aria-label={t("Checkpoint")}>
      <Group justify="space-between">
        <Title order={2}>{t("Checkpoint")}</Title>
        <Group gap="xs">
          <CopyButton value={note}>
            {({ copied, copy }) => (
              <Button size="xs" variant="default" onClick={copy}>
                {copied ? t("Copied") : t("Copy checkpoint")}
              </Button>
            )}
          </CopyButton>
          <Button
            size="xs"
            variant="default"
            component="a"
            href={apiUrl("ledger/checkpoint")}
            download="checkpoint.txt"
            leftSection={<IconDownload size={14} aria-hidden="true" />}
          >
            {t("Download")}
          </Button>
        </Group>
      </Group>
      <Code block tabIndex={0} style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
        {note}
      </Code>
    </Stack>
  );
}

function Keys() {
  const t = useText();
  const keys = useQuery(keysQuery);
  const columns: Column<VerificationKey>[] = [
    {
      key: "id",
      header: t("Key"),
      width: 110,
      narrow: "first",
      render: ({ key_id: id }) => <span className="mono">{id}</span>,
    },
    {
      key: "vkey",
      header: t("As bastion-verify takes it"),
      narrow: "second",
      render: ({ vkey }) => (
        <span className="mono" style={{ overflowWrap: "anywhere" }}>
          {vkey}
        </span>
      ),
    },
    {
      key: "from",
      header: t("In use since"),
      width: 150,
      from: "md",
      render: ({ created_at: at }) => <TimeText at={at} />,
    },
    {
      key: "until",
      header: t("State"),
      width: 200,
      from: "sm",
      narrow: "second",
      render: ({ retired_at: at }) => <KeyState retiredAt={at} />,
    },
    {
      key: "copy",
      header: "",
      width: 90,
      narrow: "end",
      align: "right",
      render: ({ vkey }) => <CopyKey vkey={vkey} />,
    },
  ];
  return (
    <Stack gap="sm" component="section" aria-label={t("Verification keys")}>
      <Title order={2}>{t("Verification keys")}</Title>
      <Text size="sm" maw={720}>
        {t(
          "Whoever checks a seal or a checkpoint needs the key that signed it. Give these to auditors now, not together with the evidence.",
        )}
      </Text>
      {keys.isError && <ErrorAlert error={keys.error} title={t("The list could not be fetched.")} />}
      {keys.isPending && <LoadingRows rows={1} />}
      {keys.data?.length === 0 && <Text size="sm">{t("Nothing was signed yet.")}</Text>}
      {keys.data && keys.data.length > 0 && (
        <DataTable label={t("Verification keys")} columns={columns} rows={keys.data} rowKey={({ vkey }) => vkey} />
      )}
    </Stack>
  );
}

function KeyState({ retiredAt }: { retiredAt: string | null }) {
  const t = useText();
  if (retiredAt === null) return t("Signs now");
  return (
    <Text span inherit c="dimmed">
      {t("Retired")} <TimeText at={retiredAt} />
    </Text>
  );
}

function CopyKey({ vkey }: { vkey: string }) {
  const t = useText();
  return (
    <CopyButton value={vkey}>
      {({ copied, copy }) => (
        <Button size="compact-xs" variant="default" onClick={copy}>
          {copied ? t("Copied") : t("Copy")}
        </Button>
      )}
    </CopyButton>
  );
}

import { Alert, Button, Code, CopyButton, Stack, Text } from "@mantine/core";
import { IconShieldCheck, IconShieldX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Session, Verification } from "@/api/types";
import { formatOffset, useFormats } from "@/i18n/formats";
import { translateServerWords } from "@/i18n/serverWords";
import { type Translate, useText } from "@/i18n/text";
import { type Gap, gapsOf } from "@/proof/gaps";
import { HoldsOf } from "@/proof/Holds";
import { keysQuery } from "@/proof/keys";
import { proofSentences } from "@/proof/looks";
import { SessionProof } from "@/proof/SessionProof";
import { useVerification } from "@/proof/useVerification";
import { FactTable } from "@/shell/FactTable";
import { ErrorAlert } from "@/shell/Feedback";
import { TimeText } from "@/shell/TimeText";
import { wallAt } from "./Controls";
import classes from "./Replay.module.css";
import { type Span, spanOfSegment } from "./spans";
import type { Replay } from "./useReplay";

interface ProofPanelProps {
  session: Session;
  /** Null when there is nothing to play. */
  replay: Replay | null;
}

/** Whether the recording can be relied on: its seal, a check of it, what is missing, and who holds it. */
export function ProofPanel({ session, replay }: ProofPanelProps) {
  const t = useText();
  const verification = useVerification(session.id);
  const gaps = gapsOf(session);
  const canVerify = session.proof !== "none";
  const hasBundle = canVerify && !["open", "deleted"].includes(session.proof);
  return (
    <div className={classes.scroll}>
      <Stack gap="lg" p="sm">
        <Stack gap="xs" align="flex-start">
          <SessionProof session={session} />
          {verification.data?.verdict !== "altered" && <Text size="sm">{t(proofSentences[session.proof])}</Text>}
          {session.deleted_at && <Deletion session={session} />}
          {canVerify && (
            <Button
              size="xs"
              variant="default"
              loading={verification.isFetching}
              leftSection={<IconShieldCheck size={14} aria-hidden="true" />}
              onClick={() => void verification.refetch()}
            >
              {verification.data ? t("Verify again") : t("Verify the recording")}
            </Button>
          )}
          {verification.isError && (
            <ErrorAlert error={verification.error} title={t("The recording could not be checked.")} />
          )}
          {verification.data && <Report report={verification.data} session={session} replay={replay} />}
        </Stack>
        {gaps.length > 0 && <Gaps gaps={gaps} startedAt={session.started_at} replay={replay} />}
        <HoldsOf session={session} />
        {hasBundle && session.actions.includes("export") && <Offline />}
      </Stack>
    </div>
  );
}

function Deletion({ session }: { session: Session }) {
  const t = useText();
  return (
    <FactTable
      facts={[
        [t("Deleted"), <TimeText key="at" at={session.deleted_at} relative />],
        [t("Deleted under"), translateServerWords(session.deleted_under, t) || "–"],
      ]}
    />
  );
}

interface ReportProps {
  report: Verification;
  session: Session;
  replay: Replay | null;
}

function Report({ report, session, replay }: ReportProps) {
  const t = useText();
  const { signature } = report;
  return (
    <Stack gap="xs" w="100%">
      <Verdict report={report} session={session} replay={replay} />
      <FactTable
        facts={[
          [t("Checked"), <TimeText key="at" at={report.checked_at} />],
          [t("Segments checked"), String(report.segments)],
          [
            t("Signed by key"),
            signature ? (
              <span key="key">
                <span className="mono">{signature.key_id}</span>
                {signature.ok ? "" : ` · ${t("the signature is wrong")}`}
              </span>
            ) : (
              t("Not signed yet")
            ),
          ],
          [
            t("Last link of the chain"),
            <span key="chain" className="mono">
              {report.chain || "–"}
            </span>,
          ],
        ]}
      />
    </Stack>
  );
}

function Verdict({ report, session, replay }: ReportProps) {
  const t = useText();
  if (!report.sealed && report.segments === 0) {
    return <Alert role="status">{t("Nothing is stored yet that could be checked.")}</Alert>;
  }
  if (report.verdict === "intact") {
    return (
      <Alert color="green" icon={<IconShieldCheck aria-hidden="true" />} role="status">
        <Text size="sm">{intactWords(report, session, t)}</Text>
      </Alert>
    );
  }
  const isAltered = report.verdict === "altered";
  return (
    <Alert
      color={isAltered ? "red" : "yellow"}
      icon={<IconShieldX aria-hidden="true" />}
      title={
        isAltered
          ? t("Altered: do not rely on this recording.")
          : t("Not decided: something that is needed for the check could not be read.")
      }
      role="alert"
    >
      <Stack gap="xs" align="flex-start">
        {problemsBySegment(report).map(([segment, problems]) => (
          <div key={segment}>
            {problems.map((problem) => (
              <Text key={problem} size="sm">
                {segment === null
                  ? translateServerWords(problem, t)
                  : t("Segment {segment}: {problem}", { segment, problem: translateServerWords(problem, t) })}
              </Text>
            ))}
            {segment !== null && replay && (
              <SpanButton span={spanOfSegment(replay, segment)} startedAt={session.started_at} replay={replay} />
            )}
          </div>
        ))}
      </Stack>
    </Alert>
  );
}

function intactWords({ segments: count, sealed }: Verification, { proof }: Session, t: Translate): string {
  if (proof === "deleted") return t("The seal holds, and the audit log says when and why the recording was deleted.");
  return sealed
    ? t("Verified: {count} of {count} segments match the signed seal.", { count })
    : t("{count} of {count} segments match their chain. The recording is not sealed yet.", { count });
}

function problemsBySegment({ problems }: Verification): [segment: number | null, problems: string[]][] {
  const found = new Map<number | null, string[]>();
  for (const { segment, problem } of problems) found.set(segment, [...(found.get(segment) ?? []), problem]);
  return [...found];
}

interface SpanButtonProps {
  span: Span | null;
  startedAt: string;
  replay: Replay | null;
}

/** `12:10–12:40 (14:20:10–14:20:40)`, which leads there. */
function SpanButton({ span, startedAt, replay }: SpanButtonProps) {
  const t = useText();
  const { clock } = useFormats();
  if (!span) return null;
  const until = span.until === null ? t("the end") : formatOffset(span.until);
  const wallUntil = span.until === null ? "" : `–${clock(wallAt(startedAt, span.until))}`;
  const words = `${formatOffset(span.from)}–${until} · ${clock(wallAt(startedAt, span.from))}${wallUntil}`;
  if (!replay) return <Text size="sm">{words}</Text>;
  return (
    <Text
      component="button"
      type="button"
      size="sm"
      className={classes.inlineButton ?? ""}
      onClick={() => replay.seek(span.from)}
    >
      {words}
    </Text>
  );
}

interface GapsProps extends Omit<SpanButtonProps, "span"> {
  gaps: readonly Gap[];
}

function Gaps({ gaps, startedAt, replay }: GapsProps) {
  const t = useText();
  return (
    <Section title={t("What is missing")}>
      <Stack component="ul" gap="xs" m={0} p={0} style={{ listStyle: "none" }}>
        {gaps.map((gap) => (
          <li key={`${gap.from} ${gap.words}`}>
            <SpanButton span={gap} startedAt={startedAt} replay={replay} />
            <Text size="sm">{translateServerWords(gap.words, t)}</Text>
          </li>
        ))}
      </Stack>
    </Section>
  );
}

/** How to check the bundle without this server, with the keys to check it with. */
function Offline() {
  const t = useText();
  const { data } = useQuery(keysQuery);
  if (!data) return null;
  const keys = data.map(({ vkey }) => `--key ${vkey}`).join(" ");
  const command = `python3 bastion-verify ${keys} evidence.zip`;
  return (
    <Section title={t("Check it elsewhere")}>
      <Text size="sm">
        {t("The evidence bundle holds the recording, its proof, and a program that checks both without this server.")}
      </Text>
      <Code block tabIndex={0} w="100%" style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
        {command}
      </Code>
      <CopyButton value={command}>
        {({ copied, copy }) => (
          <Button size="compact-xs" variant="default" onClick={copy}>
            {copied ? t("Copied") : t("Copy command")}
          </Button>
        )}
      </CopyButton>
    </Section>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Stack gap={4} align="flex-start">
      <Text fw={600} component="h3" size="sm">
        {title}
      </Text>
      {children}
    </Stack>
  );
}

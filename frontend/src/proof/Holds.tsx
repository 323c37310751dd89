import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { useMe } from "@/api/me";
import { useRows } from "@/api/pages";
import type { LegalHold, Session } from "@/api/types";
import { text, useText } from "@/i18n/text";
import { ErrorAlert } from "@/shell/Feedback";
import { StateBadge } from "@/shell/StateBadge";
import { TimeText } from "@/shell/TimeText";
import { holdSubject } from "./hold-words";

/** Whether this person is asked for holds at all; the server decides about each one. */
export function useMayHold(): boolean {
  const me = useMe();
  return me.is_admin || me.can_audit;
}

/** The holds that keep this recording, with what may be done about them. */
export function HoldsOf({ session }: { session: Session }) {
  const t = useText();
  const { is_admin: seesAll } = useMe();
  const mayHold = useMayHold();
  const holds = useRows<LegalHold>("legal-holds/", { session: session.id, active: true }, { enabled: mayHold });
  // Who is not told of holds must not read that there is none.
  if (!mayHold || session.proof === "deleted" || session.proof === "none") return null;
  const unheld = seesAll
    ? t("No hold keeps this recording: retention policies apply to it.")
    : t("You know of no hold on this recording. Without one, retention policies apply to it.");
  return (
    <Stack gap={6} align="flex-start">
      <Text fw={600} component="h3" size="sm">
        {t("Legal hold")}
      </Text>
      <Text size="sm">
        {session.held ? t("Nobody can delete this recording, and no retention policy does.") : unheld}
      </Text>
      {holds.isError && <ErrorAlert error={holds.error} title={t("The holds could not be fetched.")} />}
      {holds.rows.map((hold) => (
        <HoldItem key={hold.id} hold={hold} />
      ))}
      <Button size="xs" variant="default" onClick={() => askToHold(session)}>
        {t("Place hold")}
      </Button>
    </Stack>
  );
}

function HoldItem({ hold }: { hold: LegalHold }) {
  const t = useText();
  return (
    <Stack gap={4} align="flex-start">
      <Group gap="xs">
        <StateBadge kind="hold" word={hold.kind === "session" ? t("This session") : holdSubject(hold, t)} />
        <Text size="sm" c="dimmed">
          {hold.owner}, <TimeText at={hold.created_at} />
        </Text>
      </Group>
      <Text size="sm">{t("“{reason}”", { reason: hold.reason })}</Text>
      <Button size="compact-xs" variant="default" onClick={() => askToRelease(hold)}>
        {t("Release hold")}
      </Button>
    </Stack>
  );
}

/** Keeps one recording from every deletion, with a reason. */
export function askToHold(session: Session): void {
  modals.open({
    modalId: "hold",
    title: text("Place a legal hold on the session of {user} on {host}?", { user: session.user, host: session.host }),
    children: <PlaceForm session={session} close={() => modals.close("hold")} />,
  });
}

function PlaceForm({ session, close }: { session: Session; close: () => void }) {
  const t = useText();
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const place = useMutation({
    mutationFn: () => api.post<LegalHold>("legal-holds/", { session_id: session.id, reason: reason.trim() }),
    onSuccess: async () => {
      close();
      await queryClient.invalidateQueries();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        place.mutate();
      }}
    >
      <Stack gap="md">
        <Text size="sm">
          {t("Until it is released, nobody can delete the recording, and no retention policy does.")}
        </Text>
        <Textarea
          label={t("Reason")}
          description={t("It stands in the audit log beside your name.")}
          required
          data-autofocus
          autosize
          minRows={2}
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        {place.isError && <ErrorAlert error={place.error} title={t("The hold could not be placed.")} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={close}>
            {t("Cancel")}
          </Button>
          <Button type="submit" loading={place.isPending} disabled={reason.trim() === ""}>
            {t("Place hold")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

export function askToRelease(hold: LegalHold): void {
  modals.open({
    modalId: "release",
    title: text("Release this hold?"),
    children: <ReleaseForm hold={hold} close={() => modals.close("release")} />,
  });
}

function ReleaseForm({ hold, close }: { hold: LegalHold; close: () => void }) {
  const t = useText();
  const queryClient = useQueryClient();
  const release = useMutation({
    mutationFn: () => api.delete(`legal-holds/${hold.id}/`),
    onSuccess: async () => {
      close();
      await queryClient.invalidateQueries();
    },
  });
  return (
    <Stack gap="md">
      <Text size="sm">
        {t("{subject}, held by {owner}: “{reason}”", {
          subject: holdSubject(hold, t),
          owner: hold.owner,
          reason: hold.reason,
        })}
      </Text>
      <Text size="sm">
        {t("Retention policies apply to these recordings again: what is older than they allow is deleted soon.")}
      </Text>
      {release.isError && <ErrorAlert error={release.error} title={t("The hold could not be released.")} />}
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={close} data-autofocus>
          {t("Cancel")}
        </Button>
        <Button color="red" loading={release.isPending} onClick={() => release.mutate()}>
          {t("Release hold")}
        </Button>
      </Group>
    </Stack>
  );
}

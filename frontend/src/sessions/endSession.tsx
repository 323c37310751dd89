import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { Session } from "@/api/types";
import { text, useText } from "@/i18n/text";
import { ErrorAlert } from "@/shell/Feedback";

/** Ends a running session, with a reason that its person reads. */
export function askToEndSession(session: Session): void {
  modals.open({
    modalId: "end-session",
    title: text("End the session of {user} on {host}?", { user: session.user, host: session.host }),
    children: <EndSessionForm session={session} close={() => modals.close("end-session")} />,
  });
}

function EndSessionForm({ session, close }: { session: Session; close: () => void }) {
  const t = useText();
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const end = useMutation({
    mutationFn: () => api.post<void>(`sessions/${session.id}/terminate`, { reason: reason.trim() }),
    onSuccess: async () => {
      close();
      await queryClient.invalidateQueries();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        end.mutate();
      }}
    >
      <Stack gap="md">
        <Text size="sm">{t("The terminal closes within seconds. The person reads your name and this reason.")}</Text>
        <TextInput
          label={t("Reason")}
          required
          data-autofocus
          maxLength={200}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        {end.isError && <ErrorAlert error={end.error} title={t("The session could not be ended.")} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={close}>
            {t("Cancel")}
          </Button>
          <Button type="submit" color="red" loading={end.isPending} disabled={reason.trim() === ""}>
            {t("End session")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

import { Modal, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { onSignedOut } from "@/api/client";
import { meQuery } from "@/api/me";
import type { Me } from "@/api/types";
import { useText } from "@/i18n/text";
import { SignInForm } from "@/signin/SignInForm";

/** Over whatever page is open when the sign-in ends, so that nothing that was typed or shown there is lost. */
export function SignInAgain({ me }: { me: Me }) {
  const t = useText();
  const queryClient = useQueryClient();
  const [isOut, setOut] = useState(false);
  useEffect(() => onSignedOut(() => setOut(true)), []);
  const back = async () => {
    const again = await queryClient.fetchQuery({ ...meQuery, staleTime: 0 });
    if (again.id !== me.id || !again.notice_accepted) {
      window.location.reload();
      return;
    }
    setOut(false);
    await queryClient.invalidateQueries();
  };
  return (
    <Modal
      opened={isOut}
      onClose={() => undefined}
      title={t("You are signed out")}
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
      centered
    >
      <Stack gap="md">
        <Text size="sm">{t("Your sign-in ended. Sign in to go on; a running session waits 60 s.")}</Text>
        <SignInForm username={me.name} onSignedIn={() => void back()} />
      </Stack>
    </Modal>
  );
}

import { Button, Code, Container, Group, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { type ErrorComponentProps, Link, useRouter } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useText } from "@/i18n/text";
import { ErrorAlert } from "./Feedback";

/** The same words for what does not exist and for what one may not see. */
export function NotFoundPage() {
  const t = useText();
  const router = useRouter();
  return (
    <Message title={t("Page not found")}>
      <Text>{t("This page does not exist, or you have no access to it.")}</Text>
      <Code>{window.location.pathname}</Code>
      <Group>
        <Button component={Link} to="/search" variant="default">
          {t("Search")}
        </Button>
        <Button variant="default" onClick={() => router.history.back()}>
          {t("Go back")}
        </Button>
      </Group>
    </Message>
  );
}

/** For sections of the app, whose existence is no secret. `right` says what is missing, already translated. */
export function ForbiddenPage({ right }: { right: string }) {
  const t = useText();
  return (
    <Message title={t("You have no access to this section")}>
      <Text>{right}</Text>
      <Text>{t("An administrator can give it to you.")}</Text>
      <Group>
        <Button component={Link} to="/hosts" variant="default">
          {t("Back to hosts")}
        </Button>
      </Group>
    </Message>
  );
}

export function CrashPage({ error }: ErrorComponentProps) {
  const t = useText();
  return (
    <Message title={t("This page stopped working")}>
      <Text>{t("Terminals in other tabs go on, and are still recorded.")}</Text>
      <ErrorAlert error={error} />
      <Group>
        <Button onClick={() => window.location.reload()}>{t("Reload the page")}</Button>
      </Group>
    </Message>
  );
}

function Message({ title, children }: { title: string; children: ReactNode }) {
  useDocumentTitle(`${title} · Bastion`);
  return (
    <Container size="sm" py={64} component="section">
      <Stack gap="md" align="flex-start">
        <Title order={1}>{title}</Title>
        {children}
      </Stack>
    </Container>
  );
}

import { Anchor, Box, Button, Center, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { api } from "@/api/client";
import { instanceQuery, meQuery } from "@/api/me";
import { languageNames, loadLanguage, useLanguage, useText } from "@/i18n/text";
import { setPreferences } from "@/preferences";
import { BrandMark } from "@/shell/BrandMark";
import { ErrorAlert } from "@/shell/Feedback";
import { SignInForm } from "./SignInForm";
import { signOut } from "./sign-in";

/** Only addresses of this site, so that a crafted link cannot lead a person away. */
function safeNext(next: string | undefined): string {
  const isHere = next?.startsWith("/") && new URL(next, window.location.origin).origin === window.location.origin;
  return isHere && next ? next : "/";
}

export function SignInPage() {
  const t = useText();
  const queryClient = useQueryClient();
  const { next } = useSearch({ strict: false }) as { next?: string };
  const instance = useQuery(instanceQuery);
  const me = useQuery(meQuery);
  useDocumentTitle(`${t("Sign in")} · Bastion`);
  const isDone = me.data?.notice_accepted === true;
  useEffect(() => {
    if (isDone) {
      // A full load: nothing that belonged to who was here before stays in memory.
      window.location.replace(safeNext(next));
    }
  }, [isDone, next]);

  return (
    <Box component="main" mih="100dvh" p="lg">
      <Center mih="80dvh">
        <Stack w={400} maw="100%" gap="lg">
          <Group gap="sm" justify="center">
            <BrandMark size={32} />
            <Title order={1}>{t("Sign in to {name}", { name: instance.data?.name ?? "Bastion" })}</Title>
          </Group>
          <Paper withBorder p="xl" radius="md">
            {instance.error && <ErrorAlert error={instance.error} retry={() => void instance.refetch()} />}
            {me.data ? (
              <Notice notice={instance.data?.notice ?? ""} name={me.data.full_name || me.data.name} />
            ) : (
              <Stack gap="lg">
                {instance.data?.notice && <Text size="sm">{instance.data.notice}</Text>}
                {instance.data && (
                  <SignInForm onSignedIn={() => void queryClient.resetQueries({ queryKey: meQuery.queryKey })} />
                )}
              </Stack>
            )}
          </Paper>
          <LanguageLinks />
        </Stack>
      </Center>
    </Box>
  );
}

function Notice({ notice, name }: { notice: string; name: string }) {
  const t = useText();
  const queryClient = useQueryClient();
  const accept = useMutation({
    mutationFn: () => api.post("me/notice/"),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: meQuery.queryKey }),
  });
  const leave = useMutation({
    mutationFn: signOut,
    onSuccess: () => queryClient.resetQueries({ queryKey: meQuery.queryKey }),
  });
  return (
    <Stack gap="md">
      <Title order={2}>{t("Before you go on, {name}", { name })}</Title>
      <Text style={{ whiteSpace: "pre-wrap" }}>{notice}</Text>
      <Text size="sm" c="dimmed">
        {t("What you type and what hosts show is kept, and people with the right to audit can replay it.")}
      </Text>
      {accept.error && <ErrorAlert error={accept.error} retry={() => accept.mutate()} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={() => leave.mutate()} loading={leave.isPending}>
          {t("Sign out")}
        </Button>
        <Button data-autofocus onClick={() => accept.mutate()} loading={accept.isPending}>
          {t("I understand, go on")}
        </Button>
      </Group>
    </Stack>
  );
}

function LanguageLinks() {
  const language = useLanguage();
  return (
    <Group justify="center" gap="md">
      {(Object.keys(languageNames) as (keyof typeof languageNames)[]).map((code) => (
        <Anchor
          key={code}
          component="button"
          size="sm"
          lang={code}
          aria-pressed={code === language}
          fw={code === language ? 600 : undefined}
          onClick={() => void loadLanguage(code).then(() => setPreferences({ language: code }))}
        >
          {languageNames[code]}
        </Anchor>
      ))}
    </Group>
  );
}

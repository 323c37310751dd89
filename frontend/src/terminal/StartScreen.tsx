import { Button, Group, Stack, Text } from "@mantine/core";
import { IconServer, IconTerminal2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, type Page } from "@/api/client";
import { useMe } from "@/api/me";
import type { Host } from "@/api/types";
import { useRememberedHosts } from "@/hosts/remembered";
import { useText } from "@/i18n/text";
import { EmptyState, ErrorAlert } from "@/shell/Feedback";

/** When no terminal is open: the hosts one may connect to, favourites and recent ones first. */
export function StartScreen({ open }: { open: (host: Host) => void }) {
  const t = useText();
  const { favourites, recent } = useRememberedHosts(useMe().id);
  const rank = ({ id }: Host) => (favourites.includes(id) ? 0 : recent.includes(id) ? 1 : 2);
  const hosts = useQuery({
    queryKey: ["hosts/", "connect", "start"],
    queryFn: ({ signal }) => api.get<Page<Host>>("hosts/", { action: "connect", page_size: 50 }, signal),
  });
  if (hosts.isError) return <ErrorAlert error={hosts.error} retry={() => void hosts.refetch()} />;
  if (!hosts.isSuccess) return null;
  if (hosts.data.results.length === 0) {
    return (
      <EmptyState
        title={t("No host is open to you yet.")}
        hint={t("An administrator can give you access. Every session is recorded.")}
        icon={<IconServer aria-hidden="true" />}
      />
    );
  }
  return (
    <EmptyState
      title={t("No terminal is open.")}
      hint={t("Choose a host. Every session is recorded.")}
      icon={<IconTerminal2 aria-hidden="true" />}
    >
      <Stack align="center" gap="md">
        <Group justify="center" gap="xs" maw={640}>
          {[...hosts.data.results]
            .sort((a, b) => rank(a) - rank(b))
            .slice(0, 12)
            .map((host) => (
              <Button key={host.id} variant="default" onClick={() => open(host)}>
                {host.name}
                <Text span size="sm" c="dimmed" ml={6}>
                  {host.account}
                </Text>
              </Button>
            ))}
        </Group>
        <Button component={Link} to="/hosts" variant="subtle">
          {t("All hosts")}
        </Button>
      </Stack>
    </EmptyState>
  );
}

import { ActionIcon, AppShell, Burger, Group, Kbd, NavLink, Stack, Text, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { spotlight } from "@mantine/spotlight";
import {
  IconFileText,
  IconHistory,
  IconSearch,
  IconServer,
  IconSettings,
  IconShieldLock,
  IconTerminal2,
  type TablerIcon,
} from "@tabler/icons-react";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { Suspense, useEffect } from "react";
import { useMe } from "@/api/me";
import type { Me } from "@/api/types";
import { msg, useText } from "@/i18n/text";
import { BrandMark } from "./BrandMark";
import { LoadingRows } from "./Feedback";
import { KeysDialog } from "./KeysDialog";
import { usePageKey } from "./keys";
import { Palette } from "./Palette";
import { SignInAgain } from "./SignInAgain";
import { UserMenu } from "./UserMenu";

interface Section {
  to: string;
  label: string;
  icon: TablerIcon;
  keys: string;
  isOpenTo: (me: Me) => boolean;
}

const everyone = () => true;

export const sections: readonly Section[] = [
  { to: "/hosts", label: msg("Hosts"), icon: IconServer, keys: "g h", isOpenTo: everyone },
  { to: "/terminals", label: msg("Terminals"), icon: IconTerminal2, keys: "g t", isOpenTo: everyone },
  { to: "/sessions", label: msg("Sessions"), icon: IconHistory, keys: "g s", isOpenTo: everyone },
  { to: "/search", label: msg("Search"), icon: IconSearch, keys: "g f", isOpenTo: everyone },
  {
    to: "/audit",
    label: msg("Audit log"),
    icon: IconFileText,
    keys: "g a",
    isOpenTo: (me) => me.is_admin || me.can_audit,
  },
  { to: "/admin", label: msg("Administration"), icon: IconShieldLock, keys: "g m", isOpenTo: (me) => me.is_admin },
  { to: "/settings", label: msg("Settings"), icon: IconSettings, keys: "g p", isOpenTo: everyone },
];

export function Shell() {
  const t = useText();
  const me = useMe();
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const location = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes the menu that led there
  useEffect(close, [location.pathname, close]);
  const open = sections.filter((section) => section.isOpenTo(me));
  const isWorkspace = location.pathname === "/terminals";

  return (
    <AppShell
      header={{ height: 44 }}
      navbar={{ width: isWorkspace ? 52 : 200, breakpoint: "sm", collapsed: { mobile: !isOpen } }}
      padding={isWorkspace ? 0 : "lg"}
    >
      <a className="skip-link" href="#main">
        {t("Skip to the content")}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" gap="md" wrap="nowrap" justify="space-between">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={isOpen}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={isOpen ? t("Close the menu") : t("Open the menu")}
            />
            <UnstyledButton component={Link} to="/hosts">
              <Group gap={6} wrap="nowrap">
                <BrandMark />
                <Text fw={600}>Bastion</Text>
              </Group>
            </UnstyledButton>
          </Group>
          <PaletteButton />
          <UserMenu me={me} />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={t("Sections")}>
        <Stack gap={2}>
          {open.map((section) => (
            <SectionLink key={section.to} section={section} isRail={isWorkspace && !isOpen} close={close} />
          ))}
        </Stack>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} style={{ outline: "none" }}>
        <Suspense fallback={<LoadingRows />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
      <Palette sections={open} />
      <KeysDialog />
      <SignInAgain me={me} />
    </AppShell>
  );
}

function SectionLink({ section, isRail, close }: { section: Section; isRail: boolean; close: () => void }) {
  const t = useText();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const Icon = section.icon;
  const label = t(section.label);
  const isActive = pathname === section.to || pathname.startsWith(`${section.to}/`);
  usePageKey(section.keys, label, () => void navigate({ to: section.to }));
  return (
    <NavLink
      component={Link}
      to={section.to}
      label={isRail ? undefined : label}
      aria-label={isRail ? label : undefined}
      aria-current={isActive ? "page" : undefined}
      title={`${label} (${section.keys})`}
      active={isActive}
      onClick={close}
      leftSection={<Icon size={17} stroke={1.7} aria-hidden="true" />}
      py={6}
      px="sm"
      style={{ borderRadius: "var(--mantine-radius-sm)" }}
    />
  );
}

function PaletteButton() {
  const t = useText();
  const label = t("Search, or jump to a host, session, id");
  return (
    <>
      <ActionIcon hiddenFrom="xs" size={32} ml="auto" aria-label={label} onClick={spotlight.open}>
        <IconSearch size={18} aria-hidden="true" />
      </ActionIcon>
      <WidePaletteButton label={label} />
    </>
  );
}

function WidePaletteButton({ label }: { label: string }) {
  return (
    <UnstyledButton
      onClick={spotlight.open}
      visibleFrom="xs"
      px="sm"
      h={30}
      style={{
        flex: "0 1 420px",
        border: "1px solid var(--bastion-control-border)",
        borderRadius: "var(--mantine-radius-sm)",
      }}
    >
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Text size="sm" c="dimmed" truncate>
          {label}
        </Text>
        <Kbd size="xs">Ctrl K</Kbd>
      </Group>
    </UnstyledButton>
  );
}

import { Tabs } from "@mantine/core";
import { useNavigate, useParams } from "@tanstack/react-router";
import { type ComponentType, useEffect, useRef } from "react";
import { useMe } from "@/api/me";
import { msg, useText } from "@/i18n/text";
import { ForbiddenPage, NotFoundPage } from "@/shell/ErrorPages";
import { PageHeader } from "@/shell/PageHeader";
import { CredentialsSection } from "./CredentialsSection";
import { EvidenceSection } from "./EvidenceSection";
import { GrantsSection } from "./GrantsSection";
import { GroupsSection } from "./GroupsSection";
import { HostGroupsSection } from "./HostGroupsSection";
import { HostsSection } from "./HostsSection";
import { LegalHoldsSection } from "./LegalHoldsSection";
import { RetentionSection } from "./RetentionSection";
import { UsersSection } from "./UsersSection";

const sections: readonly { path: string; label: string; content: ComponentType }[] = [
  { path: "hosts", label: msg("Hosts"), content: HostsSection },
  { path: "host-groups", label: msg("Host groups"), content: HostGroupsSection },
  { path: "credentials", label: msg("Credentials"), content: CredentialsSection },
  { path: "grants", label: msg("Grants"), content: GrantsSection },
  { path: "users", label: msg("Users"), content: UsersSection },
  { path: "groups", label: msg("Groups"), content: GroupsSection },
  { path: "retention", label: msg("Retention"), content: RetentionSection },
  { path: "legal-holds", label: msg("Legal holds"), content: LegalHoldsSection },
  { path: "evidence", label: msg("Evidence"), content: EvidenceSection },
];

export default function AdminPage() {
  const t = useText();
  const me = useMe();
  const navigate = useNavigate();
  const { section: path = "hosts" } = useParams({ strict: false }) as { section?: string };
  const section = sections.find((other) => other.path === path);
  const tabs = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another section has another tab
  useEffect(() => {
    const tab = tabs.current?.querySelector("[aria-selected=true]");
    tab?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [path]);
  if (!me.is_admin) {
    return <ForbiddenPage right={t("Administration is for people who are administrators of this system.")} />;
  }
  if (!section) {
    return <NotFoundPage />;
  }
  const Content = section.content;
  return (
    <>
      <PageHeader title={t("Administration")} />
      <Tabs
        value={section.path}
        onChange={(value) => void navigate({ to: `/admin/${value}` })}
        keepMounted={false}
        variant="default"
      >
        <Tabs.List ref={tabs} mb="md" style={{ flexWrap: "nowrap", overflowX: "auto" }}>
          {sections.map((other) => (
            <Tabs.Tab key={other.path} value={other.path} style={{ flexShrink: 0 }}>
              {t(other.label)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={section.path}>
          <Content />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

import { Tabs } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useNavigate, useParams } from "@tanstack/react-router";
import type { ComponentType } from "react";
import { msg, useText } from "@/i18n/text";
import { NotFoundPage } from "@/shell/ErrorPages";
import { PageHeader } from "@/shell/PageHeader";
import { AppearanceSettings } from "./AppearanceSettings";
import { LanguageSettings } from "./LanguageSettings";
import { PasswordSettings } from "./PasswordSettings";
import { TerminalSettings } from "./TerminalSettings";
import { TokenSettings } from "./TokenSettings";

const sections: readonly { path: string; label: string; content: ComponentType }[] = [
  { path: "appearance", label: msg("Appearance"), content: AppearanceSettings },
  { path: "language", label: msg("Language and time"), content: LanguageSettings },
  { path: "terminal", label: msg("Terminal"), content: TerminalSettings },
  { path: "password", label: msg("Password"), content: PasswordSettings },
  { path: "tokens", label: msg("API tokens"), content: TokenSettings },
];

export default function SettingsPage() {
  const t = useText();
  const navigate = useNavigate();
  const isNarrow = useMediaQuery("(max-width: 768px)", undefined, { getInitialValueInEffect: false });
  const { section: path = "appearance" } = useParams({ strict: false }) as { section?: string };
  const section = sections.find((other) => other.path === path);
  if (!section) {
    return <NotFoundPage />;
  }
  const Content = section.content;
  return (
    <>
      <PageHeader title={t("Settings")} />
      <Tabs
        orientation={isNarrow ? "horizontal" : "vertical"}
        value={section.path}
        onChange={(value) => void navigate({ to: `/settings/${value}` })}
        keepMounted={false}
        styles={{ tabLabel: { textAlign: "left" } }}
      >
        <Tabs.List style={isNarrow ? { flexWrap: "nowrap", overflowX: "auto" } : { minWidth: 180 }}>
          {sections.map((other) => (
            <Tabs.Tab
              key={other.path}
              value={other.path}
              style={{ flexShrink: 0, justifyContent: "flex-start" }}
              py="sm"
            >
              {t(other.label)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={section.path} pl={isNarrow ? 0 : "xl"} pt={isNarrow ? "md" : 0} maw={820}>
          <Content />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

import { Avatar, Menu, Text, UnstyledButton, useMantineColorScheme, VisuallyHidden } from "@mantine/core";
import { IconLogout, IconSettings } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Me } from "@/api/types";
import { formatsFor } from "@/i18n/formats";
import { languageNames, loadLanguage, msg, useText } from "@/i18n/text";
import { type Language, setPreferences, usePreferences, type Zone } from "@/preferences";
import { signOut } from "@/signin/sign-in";

const schemes = [
  ["auto", msg("As the system")],
  ["light", msg("Light")],
  ["dark", msg("Dark")],
] as const;

export function UserMenu({ me }: { me: Me }) {
  const t = useText();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { language, zone } = usePreferences();
  const leave = useMutation({ mutationFn: signOut, onSuccess: () => window.location.assign("/signin") });
  const zones: readonly [Zone, string][] = [
    ["local", t("Local time ({zone})", { zone: formatsFor({ language, zone: "local" }).zoneName })],
    ["utc", "UTC"],
  ];
  const name = me.full_name || me.name;
  return (
    <Menu position="bottom-end" width={240} closeOnItemClick={false}>
      <Menu.Target>
        <UnstyledButton>
          <Avatar size={28} radius="50%" color="brand" variant="filled">
            {initials(name)}
          </Avatar>
          <VisuallyHidden>{t("Menu of {name}", { name })}</VisuallyHidden>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} c="var(--mantine-color-text)" truncate>
            {name}
          </Text>
          {me.full_name && me.name}
        </Menu.Label>
        <Menu.Divider />
        <Choices
          label={t("Theme")}
          value={colorScheme}
          options={schemes.map(([scheme, label]) => [scheme, t(label)])}
          onChange={setColorScheme}
        />
        <Choices label={t("Times")} value={zone} options={zones} onChange={(code) => setPreferences({ zone: code })} />
        <Choices
          label={t("Language")}
          value={language}
          options={Object.entries(languageNames) as [Language, string][]}
          onChange={(code) => void loadLanguage(code).then(() => setPreferences({ language: code }))}
        />
        <Menu.Divider />
        <Menu.Item component={Link} to="/settings" leftSection={<IconSettings size={14} />} closeMenuOnClick>
          {t("Settings")}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={14} />} onClick={() => leave.mutate()}>
          {t("Sign out")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

interface ChoicesProps<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [value: T, label: string])[];
  onChange: (value: T) => void;
}

function Choices<T extends string>({ label, value, options, onChange }: ChoicesProps<T>) {
  return (
    <Menu.RadioGroup value={value} onChange={(chosen) => onChange(chosen as T)}>
      <Menu.Label>{label}</Menu.Label>
      {options.map(([option, name]) => (
        <Menu.RadioItem key={option} value={option}>
          {name}
        </Menu.RadioItem>
      ))}
    </Menu.RadioGroup>
  );
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters =
    words.length > 1 ? [words[0], words.at(-1)].map((word) => Array.from(word ?? "")[0]) : Array.from(name).slice(0, 2);
  return letters.join("").toUpperCase();
}
